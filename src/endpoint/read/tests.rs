//! The rows of the grammar, each as a test.

use chenapan_core::plugin;

plugin! {
    /// Listens.
    pub struct Listen = "listen" {
        /// Port to listen at.
        port: u16 = "65536",
    }
}

fn main() {}

pub(crate) fn junit(o: &crate::scenario::Outcome) -> String {
    serde_json::to_string_pretty(o).unwrap()
}

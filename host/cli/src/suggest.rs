//! What may have been meant.

/// The candidate that is most like `written`, if one is like it at all. As clap does for options.
pub(crate) fn closest<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let similar = candidates.into_iter().map(|candidate| (strsim::jaro_winkler(written, candidate), candidate));
    let best = similar.filter(|(similarity, _)| *similarity > 0.8).max_by(|(one, _), (other, _)| one.total_cmp(other));
    best.map(|(_, candidate)| candidate)
}

/// `: did you mean …?`, or nothing.
pub(crate) fn hint<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    closest(written, candidates).map(|meant| format!(": did you mean {meant}?")).unwrap_or_default()
}

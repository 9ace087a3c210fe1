//! Broken promises.

/// A promise that does not hold.
#[derive(Debug)]
pub struct Broken(pub String);

impl Broken {
    pub(crate) fn unless(holds: bool, what: impl FnOnce() -> String) -> Result<(), Self> {
        if holds { Ok(()) } else { Err(Self(what())) }
    }
}

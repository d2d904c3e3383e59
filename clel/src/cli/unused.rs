//! Options that nothing would look at.

use crate::{Error, Result};

/// An option's name, whether it is given, whether it is used, and what it is for where it is not.
pub(super) type Given<'a> = (&'a str, bool, bool, &'a str);

/// Refuses the first option that is given for nothing.
pub(super) fn check_used(options: &[Given<'_>]) -> Result<()> {
    let unused = options.iter().find(|(_, given, used, _)| *given && !used);
    match unused {
        None => Ok(()),
        Some((option, .., why)) => Err(Error::Argument {
            argument: (*option).to_owned(),
            why: (*why).to_owned(),
        }),
    }
}

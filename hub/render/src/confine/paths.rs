//! Landlock: the paths that a tool may read, and nothing to write, connect to or signal.

use super::{child::Place, libraries::Libraries};
use ::landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, LandlockStatus, PathBeneath, PathFd, Ruleset,
    RulesetAttr as _, RulesetCreatedAttr as _, RulesetStatus, Scope,
};
use std::{io, path::Path};

/// The newest that is known here; an older kernel has less of it.
const NEWEST: ABI = ABI::V9;

/// Lets this process read the place and the libraries, for good, and says what the kernel has.
pub(super) fn only(place: &Place, libraries: &Libraries) -> io::Result<String> {
    let file = BitFlags::from(AccessFs::ReadFile);
    let folder = file | AccessFs::ReadDir;
    let run = file | AccessFs::Execute;
    let mut allowed: Vec<(&Path, BitFlags<AccessFs>)> =
        vec![(&place.tool, run), (&place.view, folder), (&place.home, folder)];
    allowed.extend(libraries.loader.as_deref().map(|loader| (loader, run)));
    allowed.extend(libraries.folders.iter().map(|path| (path.as_path(), folder)));
    allowed.extend(libraries.files.iter().map(|path| (path.as_path(), file)));

    let all = Ruleset::default()
        .handle_access(AccessFs::from_all(NEWEST))
        .and_then(|rules| rules.handle_access(AccessNet::from_all(NEWEST)))
        .and_then(|rules| rules.scope(Scope::from_all(NEWEST)))
        .and_then(Ruleset::create)
        .map_err(io::Error::other)?;
    let rules = allowed.into_iter().try_fold(all, |rules, (path, access)| {
        let path = PathFd::new(path).map_err(io::Error::other)?;
        rules.add_rule(PathBeneath::new(path, access)).map_err(io::Error::other)
    })?;
    let status = rules.restrict_self().map_err(io::Error::other)?;
    match (status.ruleset, status.landlock) {
        (RulesetStatus::NotEnforced, LandlockStatus::NotEnabled) => {
            Err(io::Error::other("the kernel has it switched off"))
        }
        (RulesetStatus::NotEnforced, _) => Err(io::Error::other("the kernel lacks it")),
        (_, LandlockStatus::Available { effective_abi, .. }) => Ok(describe(effective_abi)),
        (_, _) => Ok(String::new()),
    }
}

fn describe(abi: ABI) -> String {
    let lacks = match abi {
        abi if abi < ABI::V4 => ", files alone",
        abi if abi < ABI::V6 => ", files and TCP alone",
        _ => "",
    };
    format!("ABI {}{lacks}", abi as i32)
}

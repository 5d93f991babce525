//! The model of permissions against the guild: as many seeds as asked for, one seed again, or the leaks that are planted to see
//! that they are found. The model lives in `crates/guild/tests/it/permissions`.

use crate::args::Args;
use crate::sh;

/// The test that plays seeds.
const PLAY: &str = "permissions::nobody_may_or_sees_more_or_less_than_the_documentation_says";
/// The test that plants leaks.
pub const PLANTED: &str = "permissions::planted_leaks_are_found";

/// Plays `--seed N`, `--seeds K` (one minute's worth without), or with `--planted` looks for each planted leak.
///
/// # Errors
/// When something is allowed, shown or told that should not be, or the other way round; or when a planted leak is not found.
pub fn run(args: &mut Args) -> Result<(), String> {
    let planted = args.flag("--planted");
    let (seed, seeds) = (args.option::<u64>("--seed")?, args.option::<u64>("--seeds")?);
    args.rest()?;
    let mut command = sh::cargo();
    command.args(["test", "-p", "consort-guild", "--test", "it", "--locked"]);
    if planted {
        command.args(["--features", "planted"]);
    }
    command.args(["--", "--nocapture", "--exact", if planted { PLANTED } else { PLAY }]);
    command.envs(seed.map(|seed| ("CONSORT_SEED", seed.to_string())));
    command.envs(seeds.map(|seeds| ("CONSORT_SEEDS", seeds.to_string())));
    let status = command.status().map_err(|error| format!("cargo: {error}"))?;
    if status.success() { Ok(()) } else { Err("the guild and the model of permissions differ".to_owned()) }
}

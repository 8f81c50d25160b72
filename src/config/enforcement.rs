//! Which checks refuse, and which only say that they would.

use super::faults::Faults;
use super::written::{self, Mode, ObservableCheck};
use crate::authz::{Check, Enforcement};

/// What is said of a check by its name goes before what is said of all.
pub(super) fn build(config: &written::Config, warnings: &mut Faults) -> Enforcement {
    let observed = Check::ALL.into_iter().filter(|check| is_observed(config, *check));
    observed.fold(Enforcement::default(), |enforcement, check| {
        warnings.add(format_args!("enforcement.{check}"), "is only observed: what it would refuse is allowed");
        enforcement.observing(check)
    })
}

pub(super) fn is_observed(config: &written::Config, check: Check) -> bool {
    let written = &config.enforcement;
    let own = written.iter().find(|(named, _)| self::check(**named) == Some(check)).map(|(_, mode)| *mode);
    let mode = own.or_else(|| written.get(&ObservableCheck::All).copied());
    check.can_observe() && mode == Some(Mode::Observe)
}

fn check(named: ObservableCheck) -> Option<Check> {
    Some(match named {
        ObservableCheck::All => return None,
        ObservableCheck::Audience => Check::Audience,
        ObservableCheck::Delegation => Check::Delegation,
        ObservableCheck::Revocation => Check::Revocation,
        ObservableCheck::Caller => Check::Caller,
        ObservableCheck::Sender => Check::Sender,
        ObservableCheck::StepUp => Check::StepUp,
        ObservableCheck::Scopes => Check::Scopes,
        ObservableCheck::Approval => Check::Approval,
        ObservableCheck::Policy => Check::Policy,
    })
}

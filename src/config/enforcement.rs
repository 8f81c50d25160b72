//! Which checks refuse, and which only say that they would.

use super::faults::Faults;
use super::written::{self, Mode, ObservableCheck};
use crate::authz::{Check, Enforcement};

/// What is said of a check by its name goes before what is said of all.
pub(super) fn build(config: &written::Config, warnings: &mut Faults) -> Enforcement {
    let written = &config.enforcement;
    let all = written.get(&ObservableCheck::All).copied();
    let observable = Check::ALL.into_iter().filter(|check| check.can_observe());
    observable.fold(Enforcement::default(), |enforcement, check| {
        let own = written.iter().find(|(named, _)| self::check(**named) == Some(check)).map(|(_, mode)| *mode);
        match own.or(all) {
            None | Some(Mode::Enforce) => enforcement,
            Some(Mode::Observe) => {
                warnings.add(format_args!("enforcement.{check}"), "is only observed: what it would refuse is allowed");
                enforcement.observing(check)
            }
        }
    })
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

//! Who is who in the demo: the names that the files in `demo/config/` use.

/// The `.local` top-level domain is nobody's, and so is this trust domain.
pub(crate) const TRUST_DOMAIN: &str = "demo.local";

/// Somebody with a certificate of the mesh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Workload {
    /// The web page that alice uses: no agent of its own, but the client her token was issued to.
    Console,
    Planner,
    Researcher,
    Invoices,
}

impl Workload {
    pub(crate) const ALL: [Self; 4] = [Self::Console, Self::Planner, Self::Researcher, Self::Invoices];

    /// Its client id, its `act.sub` and the name of its certificate's file.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Console => "console",
            Self::Planner => "planner",
            Self::Researcher => "researcher",
            Self::Invoices => "invoices",
        }
    }

    pub(crate) fn spiffe(self) -> String {
        let namespace = match self {
            Self::Console => "web",
            Self::Planner | Self::Researcher => "agents",
            Self::Invoices => "billing",
        };
        format!("spiffe://{TRUST_DOMAIN}/ns/{namespace}/sa/{}", self.name())
    }

    pub(crate) fn audience(self) -> String {
        format!("https://{}.{TRUST_DOMAIN}", self.name())
    }
}

pub(crate) const ALICE: &str = "alice";
/// All that alice agreed to when she logged in at the console; each hop passes on less.
pub(crate) const CONSENT: &str = "plan:run research:run invoices:read";
/// How the issuer says that she showed a second factor; `demo/config/invoices.yaml` asks for it.
pub(crate) const SECOND_FACTOR: &str = "urn:demo:mfa";

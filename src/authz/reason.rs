//! Why a call was refused: one closed list, each with its check, its answer and its words.
//!
//! The codes are API: logs, metrics and `explain` print them, and a test freezes them. What the
//! caller is told is coarser on purpose and never contains anything of the token.

use std::fmt;

/// The checks, in the order they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Check {
    /// 1: the request is well formed.
    Request,
    /// 2: service and route are known.
    Route,
    /// 3: there is a credential.
    Credential,
    /// 4: the token is valid.
    Token,
    /// 5: the token is for this service.
    Audience,
    /// 6: neither the token nor anybody in it was revoked.
    Revocation,
    /// 7: the chain of actors is one the operator allows.
    Delegation,
    /// 8: the caller is the current actor.
    Caller,
    /// 9: the token is bound to its sender.
    Sender,
    /// 10: scopes, with the ceiling of every agent in the chain.
    Scopes,
    /// 11: the person was authenticated well and lately enough.
    StepUp,
    /// 12: the person approved this very action.
    Approval,
    /// 13: the operator's policies permit it.
    Policy,
    /// 14: neither the proof nor a single-use token was used before.
    Replay,
    /// hopgate itself: its capacity, its record, its own faults.
    Service,
}

impl Check {
    pub const ALL: [Self; 15] = [
        Self::Request,
        Self::Route,
        Self::Credential,
        Self::Token,
        Self::Audience,
        Self::Revocation,
        Self::Delegation,
        Self::Caller,
        Self::Sender,
        Self::Scopes,
        Self::StepUp,
        Self::Approval,
        Self::Policy,
        Self::Replay,
        Self::Service,
    ];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Route => "route",
            Self::Credential => "credential",
            Self::Token => "token",
            Self::Audience => "audience",
            Self::Revocation => "revocation",
            Self::Delegation => "delegation",
            Self::Caller => "caller",
            Self::Sender => "sender",
            Self::Scopes => "scopes",
            Self::StepUp => "step_up",
            Self::Approval => "approval",
            Self::Policy => "policy",
            Self::Replay => "replay",
            Self::Service => "service",
        }
    }

    /// Whether an operator may put this check in `observe`. Without the others hopgate would not
    /// know what it let through.
    #[must_use]
    pub const fn can_observe(self) -> bool {
        match self {
            Self::Audience
            | Self::Revocation
            | Self::Delegation
            | Self::Caller
            | Self::Sender
            | Self::Scopes
            | Self::StepUp
            | Self::Approval
            | Self::Policy => true,
            Self::Request | Self::Route | Self::Credential | Self::Token | Self::Replay | Self::Service => false,
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What the caller is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// 400 `invalid_request`, RFC 6750 section 3.1.
    InvalidRequest,
    /// 413 `invalid_request`: the request is longer than what hopgate is shown of it.
    ContentTooLarge,
    /// 415 `invalid_request`, RFC 9110 section 15.5.16.
    UnsupportedMediaType,
    /// 405 `invalid_request` with the methods there are, RFC 9110 section 15.5.6.
    MethodNotAllowed,
    /// 401 with a challenge and no error code, RFC 6750 section 3.1: the request "lacks any
    /// authentication information".
    NoCredential,
    /// 401 `invalid_token`, RFC 6750 section 3.1.
    InvalidToken,
    /// 401 `invalid_token` in both schemes: as Bearer it was refused, with a DPoP proof it could pass.
    InvalidTokenUnlessProven,
    /// 401 `invalid_dpop_proof`, RFC 9449 section 7.1.
    InvalidProof,
    /// 401 `use_dpop_nonce` with a nonce, RFC 9449 section 9.
    UseNonce,
    /// 401 `insufficient_user_authentication` with what is asked for, RFC 9470 section 3.
    InsufficientUserAuthentication,
    /// 401 `insufficient_authorization` with what is to be approved
    /// (draft-ietf-oauth-rar-metadata-remediation).
    InsufficientAuthorization,
    /// 403 `insufficient_scope` with the scopes of the route, RFC 6750 section 3.1.
    InsufficientScope,
    /// 403 `actor_unauthorized`: the token is good, this actor may not. The code is a draft's
    /// (OAuth Actor Profile); no registered one says it.
    ActorUnauthorized,
    /// 403 `access_denied`, with nothing to try instead.
    AccessDenied,
    /// 503: hopgate can't answer now.
    Unavailable,
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident $code:literal $check:ident $answer:ident $words:literal)+) => {
        /// Why a call was refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason { $($(#[$doc])* $variant,)+ }

        impl Reason {
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The stable code, `snake_case`.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// The check that refuses with it.
            #[must_use]
            pub const fn check(self) -> Check {
                match self { $(Self::$variant => Check::$check,)+ }
            }

            #[must_use]
            pub const fn answer(self) -> Answer {
                match self { $(Self::$variant => Answer::$answer,)+ }
            }

            /// The `error_description`: a constant in the characters RFC 6750 section 3 allows.
            #[must_use]
            pub const fn description(self) -> &'static str {
                match self { $(Self::$variant => $words,)+ }
            }
        }
    };
}

reasons! {
    /// Envoy sent no method or no path.
    RequestIncomplete "request_incomplete" Request InvalidRequest "The request has no method or path"
    HeaderRepeated "header_repeated" Request InvalidRequest "A credential header is repeated"
    PathAmbiguous "path_ambiguous" Request InvalidRequest "The path is not in canonical form"

    /// Envoy attached no body: it has none, or Envoy was not told to (`with_request_body`).
    BodyMissing "body_missing" Request InvalidRequest "A body is required and was not given to the authorization service"
    BodyCutOff "body_cut_off" Request ContentTooLarge "The body is too large to be authorized"
    /// Envoy was not told to `pack_as_bytes`.
    BodyRewritten "body_rewritten" Request Unavailable "The body was not given unchanged to the authorization service"
    BodyEncoded "body_encoded" Request UnsupportedMediaType "The body must not be encoded"
    ContentTypeWrong "content_type_wrong" Request UnsupportedMediaType "The content type is not the one of this route"
    /// Not one JSON value that every reader reads alike: members repeated or alike but for letter
    /// case, nested too deep, something behind it.
    BodyMalformed "body_malformed" Request InvalidRequest "The body can not be read without doubt"
    CallBatched "call_batched" Request InvalidRequest "Batches are not allowed"
    CallMalformed "call_malformed" Request InvalidRequest "The body is no JSON-RPC request"
    ParamsMalformed "params_malformed" Request InvalidRequest "The parameters can not be read without doubt"
    /// A header that repeats a part of the body says something else, or is missing.
    HeaderMismatch "header_mismatch" Request InvalidRequest "A header does not agree with the body"
    RevisionUnsupported "revision_unsupported" Request InvalidRequest "The protocol version is missing or not supported"
    ArgumentInvalid "argument_invalid" Request InvalidRequest "An argument is missing or not of the declared kind"

    ServiceUnknown "service_unknown" Route AccessDenied "No service is configured for this request"
    RouteUnknown "route_unknown" Route AccessDenied "No rule allows this method and path"

    /// MCP has `POST`; `GET` and `DELETE` only where a rule says so, as revision 2026-07-28 wants it.
    HttpMethodUnknown "http_method_unknown" Route MethodNotAllowed "No rule allows this HTTP method"
    OperationUnknown "operation_unknown" Route AccessDenied "No rule allows this method"
    ToolUnknown "tool_unknown" Route AccessDenied "No rule allows this tool"
    ResourceUnknown "resource_unknown" Route AccessDenied "No rule allows this resource"
    PromptUnknown "prompt_unknown" Route AccessDenied "No rule allows this prompt"
    TenantUnknown "tenant_unknown" Route AccessDenied "No rule allows this tenant"

    CredentialMissing "credential_missing" Credential NoCredential "An access token is required"
    SchemeUnsupported "scheme_unsupported" Credential NoCredential "An access token is required"
    CredentialMalformed "credential_malformed" Credential InvalidRequest "The authorization header is malformed"
    CredentialTwice "credential_twice" Credential InvalidRequest "More than one method of sending a token is used"

    TokenTooLarge "token_too_large" Token InvalidToken "The access token is malformed"
    TokenMalformed "token_malformed" Token InvalidToken "The access token is malformed"
    /// `crit`, `b64` or `cty`: the token asks for a reading we don't offer.
    TokenExtended "token_extended" Token InvalidToken "The access token is malformed"
    TokenTypeWrong "token_type_wrong" Token InvalidToken "The token is not an access token"
    ClaimMissing "claim_missing" Token InvalidToken "The access token is malformed"
    ClaimMalformed "claim_malformed" Token InvalidToken "The access token is malformed"
    IssuerUnknown "issuer_unknown" Token InvalidToken "The access token is not from a trusted issuer"
    AlgorithmNotAllowed "algorithm_not_allowed" Token InvalidToken "The access token signature is not valid"
    AlgorithmNotOfKey "algorithm_not_of_key" Token InvalidToken "The access token signature is not valid"
    KeyUnknown "key_unknown" Token InvalidToken "The access token signature is not valid"
    /// No `kid`, and the issuer has more than one key.
    KeyNotNamed "key_not_named" Token InvalidToken "The access token signature is not valid"
    KeyAmbiguous "key_ambiguous" Token InvalidToken "The access token signature is not valid"
    SignatureInvalid "signature_invalid" Token InvalidToken "The access token signature is not valid"
    /// The issuer is known, and none of its keys has been had, or not for too long.
    KeysUnavailable "keys_unavailable" Token Unavailable "The keys of the token issuer are not available"
    TokenExpired "token_expired" Token InvalidToken "The access token expired"
    TokenNotYetValid "token_not_yet_valid" Token InvalidToken "The access token is not valid yet"
    TokenFromFuture "token_from_future" Token InvalidToken "The access token is not valid yet"
    LifetimeTooLong "lifetime_too_long" Token InvalidToken "The access token is valid for too long"
    /// Older than this route takes.
    TokenTooOld "token_too_old" Token InvalidToken "The access token was issued too long ago for this request"

    AudienceMismatch "audience_mismatch" Audience InvalidToken "The access token is not for this service"
    AudienceNotSingle "audience_not_single" Audience InvalidToken "The access token is not for this service alone"

    Revoked "revoked" Revocation InvalidToken "The access token was revoked"

    ActMalformed "act_malformed" Delegation InvalidToken "The act claim is malformed"
    ActorRequired "actor_required" Delegation InvalidToken "The access token names no actor"
    DepthExceeded "depth_exceeded" Delegation ActorUnauthorized "The chain of actors is not allowed"
    ClientTypeNotAllowed "client_type_not_allowed" Delegation ActorUnauthorized "This kind of client is not allowed"
    ActorNotAllowed "actor_not_allowed" Delegation ActorUnauthorized "The actor is not allowed"
    PriorActorNotAllowed "prior_actor_not_allowed" Delegation ActorUnauthorized "The chain of actors is not allowed"
    ActorRepeated "actor_repeated" Delegation ActorUnauthorized "The chain of actors is not allowed"
    /// The service itself is in the chain: the call has come back to where it was.
    ServiceInChain "service_in_chain" Delegation ActorUnauthorized "The chain of actors is not allowed"
    PairNotAllowed "pair_not_allowed" Delegation ActorUnauthorized "The actor is not allowed for this subject"

    PeerUnknown "peer_unknown" Caller InvalidToken "The access token is bound to another caller"
    /// The acting party is no agent with a SPIFFE id, so nothing can be compared.
    CallerUnbound "caller_unbound" Caller InvalidToken "The access token is bound to another caller"
    CallerNotActor "caller_not_actor" Caller InvalidToken "The access token is bound to another caller"

    /// `cnf` is there and hopgate can't check it: accepting the token would drop the binding.
    BindingUnsupported "binding_unsupported" Sender InvalidToken "The access token is bound to a key that was not proven"
    /// The route asks for a token that is bound to its sender.
    SenderUnconstrained "sender_unconstrained" Sender InvalidTokenUnlessProven "The access token is not bound to its sender"
    /// RFC 9449 section 7.2: a bound token without its proof is a stolen one.
    BoundTokenAsBearer "bound_token_as_bearer" Sender InvalidTokenUnlessProven "The access token is bound to a key that was not proven"
    TokenNotBound "token_not_bound" Sender InvalidToken "The access token is not bound to a DPoP key"
    CertificateMissing "certificate_missing" Sender InvalidToken "The access token is bound to a certificate that was not shown"
    CertificateMismatch "certificate_mismatch" Sender InvalidToken "The access token is bound to another certificate"
    ProofMissing "proof_missing" Sender InvalidProof "A DPoP proof is required"
    ProofMalformed "proof_malformed" Sender InvalidProof "The DPoP proof is malformed"
    ProofTypeWrong "proof_type_wrong" Sender InvalidProof "The DPoP header holds no DPoP proof"
    ProofAlgorithmNotAllowed "proof_algorithm_not_allowed" Sender InvalidProof "The DPoP proof is signed with an algorithm that is not allowed"
    /// `jwk` is missing, not of the algorithm, not on its curve, or shows a private key.
    ProofKeyUnusable "proof_key_unusable" Sender InvalidProof "The key of the DPoP proof can not be used"
    ProofSignatureInvalid "proof_signature_invalid" Sender InvalidProof "The DPoP proof signature is not valid"
    ProofMethodMismatch "proof_method_mismatch" Sender InvalidProof "The DPoP proof is for another method"
    ProofTargetMismatch "proof_target_mismatch" Sender InvalidProof "The DPoP proof is for another URL"
    ProofFromFuture "proof_from_future" Sender InvalidProof "The DPoP proof is not valid yet"
    ProofExpired "proof_expired" Sender InvalidProof "The DPoP proof is too old"
    ProofTokenMismatch "proof_token_mismatch" Sender InvalidProof "The DPoP proof is for another access token"
    ProofNonceRequired "proof_nonce_required" Sender UseNonce "Resource server requires nonce in DPoP proof"
    /// Not one of ours, or no longer good.
    ProofNonceInvalid "proof_nonce_invalid" Sender UseNonce "Resource server requires another nonce in DPoP proof"
    ProofKeyMismatch "proof_key_mismatch" Sender InvalidToken "Invalid DPoP key binding"

    ScopeMissing "scope_missing" Scopes InsufficientScope "The request needs more scopes than the access token has"
    ScopeAboveCeiling "scope_above_ceiling" Scopes InsufficientScope "An agent in the chain may not use a scope the request needs"

    AcrInsufficient "acr_insufficient" StepUp InsufficientUserAuthentication "A different authentication level is required"
    AuthenticationTooOld "authentication_too_old" StepUp InsufficientUserAuthentication "More recent authentication is required"

    ApprovalMissing "approval_missing" Approval InsufficientAuthorization "This action needs an approval of its own"

    PolicyDenied "policy_denied" Policy AccessDenied "A policy does not allow this"
    /// A policy could not be evaluated for this call.
    PolicyFailed "policy_failed" Policy AccessDenied "A policy does not allow this"

    TokenReplayed "token_replayed" Replay InvalidToken "The access token was used before"
    TokenIdMissing "token_id_missing" Replay InvalidToken "A single-use access token needs an id"
    /// Issued before the store began to remember: it may have been used then.
    TokenPredatesStore "token_predates_store" Replay InvalidToken "The access token can not be shown to be unused"
    ProofReplayed "proof_replayed" Replay InvalidProof "The DPoP proof was used before"
    /// Made before this process began to remember; one with a nonce of ours can't be.
    ProofPredatesStore "proof_predates_store" Replay UseNonce "Resource server requires nonce in DPoP proof"
    ReplayStoreFull "replay_store_full" Replay Unavailable "Single use can not be checked now"
    ReplayStoreUnavailable "replay_store_unavailable" Replay Unavailable "Single use can not be checked now"

    Overloaded "overloaded" Service Unavailable "The authorization service is overloaded"
    /// The message did not come, or its answer was not found, in time.
    DeadlineExceeded "deadline_exceeded" Service Unavailable "The authorization request took too long"
    RequestTooLarge "request_too_large" Service Unavailable "The authorization request is too large"
    RecordRefused "record_refused" Service Unavailable "The decision could not be recorded"
    InternalError "internal_error" Service Unavailable "The authorization service failed"
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn codes_are_distinct_and_snake_case() {
        let codes: HashSet<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
        assert_eq!(codes.len(), Reason::ALL.len());
        assert!(codes.iter().all(|code| code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')));
    }

    #[test]
    fn descriptions_fit_rfc_6750_section_3() {
        for reason in Reason::ALL {
            let text = reason.description();
            assert!(text.bytes().all(|b| matches!(b, 0x20 | 0x21 | 0x23..=0x5b | 0x5d..=0x7e)), "{text}");
        }
    }
}

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use envoy_types::ext_authz::v3::CheckResponseExt;
use envoy_types::ext_authz::v3::pb::{Authorization, AuthorizationServer, CheckRequest, CheckResponse};
use envoy_types::pb::google::protobuf::{Struct, Value, value::Kind};
use tokio::net::UnixListener;
use tokio::runtime::Runtime;
use tokio_stream::wrappers::UnixListenerStream;
use tonic::{Request, Response, Status, async_trait, transport::Server};

/// Allows everything, tells its decision as dynamic metadata, and keeps what it was asked.
pub(crate) struct Recorder {
    asked: Arc<Mutex<Vec<CheckRequest>>>,
    /// Serves until it is dropped.
    _runtime: Runtime,
}

impl Recorder {
    pub(crate) fn start(socket: &Path) -> Self {
        let asked = Arc::<Mutex<_>>::default();
        let service = AuthorizationServer::new(Allow(Arc::clone(&asked)));
        let runtime = Runtime::new().expect("a runtime");
        let listener = runtime.block_on(async { UnixListener::bind(socket).expect("a socket") });
        runtime.spawn(Server::builder().add_service(service).serve_with_incoming(UnixListenerStream::new(listener)));
        Self { asked, _runtime: runtime }
    }

    pub(crate) fn last(&self) -> CheckRequest {
        let asked = self.asked.lock().expect("no panic while held");
        asked.last().cloned().expect("a question")
    }
}

struct Allow(Arc<Mutex<Vec<CheckRequest>>>);

#[async_trait]
impl Authorization for Allow {
    async fn check(&self, request: Request<CheckRequest>) -> Result<Response<CheckResponse>, Status> {
        self.0.lock().expect("no panic while held").push(request.into_inner());
        let decision = Value { kind: Some(Kind::StringValue("d-1".to_owned())) };
        let mut answer = CheckResponse::with_status(Status::ok(""));
        answer.dynamic_metadata = Some(Struct { fields: HashMap::from([("decision_id".to_owned(), decision)]) });
        Ok(Response::new(answer))
    }
}

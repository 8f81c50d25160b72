//! Tools that know nothing of hopgate find out what there is.

use futures_util::stream;
use prost_reflect::DescriptorPool;
use prost_reflect::prost::Message as _;
use tonic::transport::Endpoint;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use super::stage::watched;

const SERVICE: &str = "hopgate.decision.v1.DecisionService";

#[tokio::test(flavor = "multi_thread")]
async fn reflection_lists_the_service_and_describes_it_whole() {
    let (_gate, address) = watched();
    let ask = async |request| {
        let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
        let request = ServerReflectionRequest { host: String::new(), message_request: Some(request) };
        let mut client = ServerReflectionClient::new(channel);
        let mut answers = client.server_reflection_info(stream::iter([request])).await.unwrap().into_inner();
        answers.message().await.unwrap().unwrap().message_response.unwrap()
    };
    let MessageResponse::ListServicesResponse(list) = ask(MessageRequest::ListServices(String::new())).await else {
        panic!("no list");
    };
    assert!(list.service.iter().any(|service| service.name == SERVICE), "{list:?}");
    let request = MessageRequest::FileContainingSymbol(SERVICE.to_owned());
    let MessageResponse::FileDescriptorResponse(found) = ask(request).await else { panic!("no file") };
    let mut pool = DescriptorPool::new();
    let mut files: Vec<_> = found
        .file_descriptor_proto
        .iter()
        .map(|file| prost_types::FileDescriptorProto::decode(file.as_slice()).unwrap())
        .collect();
    // What the file imports is asked for by name, as tools do.
    for name in ["hopgate/decision/v1/decision.proto", "google/protobuf/timestamp.proto"] {
        let MessageResponse::FileDescriptorResponse(found) = ask(MessageRequest::FileByFilename(name.to_owned())).await
        else {
            panic!("no {name}");
        };
        files.extend(
            found
                .file_descriptor_proto
                .iter()
                .map(|file| prost_types::FileDescriptorProto::decode(file.as_slice()).unwrap()),
        );
    }
    pool.add_file_descriptor_protos(files).unwrap();
    let method = pool.get_service_by_name(SERVICE).unwrap().methods().next().unwrap();
    assert_eq!((method.name(), method.is_server_streaming()), ("WatchDecisions", true));
}

//! Servers and clients of MCP and A2A that are not ours: programs on their SDKs, in `testbed/agents`.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::program::{PATIENCE, first_line, node, play, python, unreadable};
use crate::{Error, Service};

/// Whose MCP client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum McpClient {
    /// Of the server's own SDK.
    Python,
    TypeScript,
}

/// An MCP server with tools, resources and a prompt, of every revision that its SDK speaks.
#[derive(Debug)]
pub struct McpServer {
    service: Service,
    address: SocketAddr,
}

impl McpServer {
    /// Starts one on a loopback port of its own choice, with its SDK fetched if it is not there.
    ///
    /// # Errors
    /// When it can't be fetched or started.
    pub fn start() -> Result<Self, Error> {
        let name = "the MCP server";
        let mut service = Service::start(name, python("mcp_server.py", &json!({}))?)?;
        let told = first_line(&mut service, name)?;
        let address = loopback(name, &told, "http")?;
        Ok(Self { service, address })
    }

    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The tools, resources and prompts that it was really asked for, in order, once there are `count` of them.
    ///
    /// # Errors
    /// When there are fewer.
    pub fn did(&mut self, count: usize) -> Result<Vec<String>, Error> {
        did(&mut self.service, count)
    }

    /// Everything it wrote to stderr so far.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn stderr(&self) -> Result<String, Error> {
        self.service.stderr()
    }
}

impl McpClient {
    /// Plays `scenario`, as `mcp_client.py` describes it, and gives what each step printed.
    ///
    /// # Errors
    /// When the client can't be started or gives up: its stderr says why.
    pub fn play(self, scenario: &Value) -> Result<Vec<Value>, Error> {
        let command = match self {
            Self::Python => python("mcp_client.py", scenario)?,
            Self::TypeScript => node("agents", "mcp_client.mjs", scenario)?,
        };
        play("the MCP client", command)
    }
}

/// An A2A agent of every version and binding that its SDK speaks.
#[derive(Debug)]
pub struct A2aAgent {
    service: Service,
    http: SocketAddr,
    grpc: SocketAddr,
}

impl A2aAgent {
    /// Starts one on loopback ports of its own choice, with its SDK fetched if it is not there. Its card sends clients to
    /// `public`.
    ///
    /// # Errors
    /// When it can't be fetched or started.
    pub fn start(public: SocketAddr) -> Result<Self, Error> {
        let name = "the A2A agent";
        let mut service = Service::start(name, python("a2a_server.py", &json!({ "public": public }))?)?;
        let told = first_line(&mut service, name)?;
        let (http, grpc) = (loopback(name, &told, "http")?, loopback(name, &told, "grpc")?);
        Ok(Self { service, http, grpc })
    }

    /// Where it serves its card, JSON-RPC and REST.
    #[must_use]
    pub fn http(&self) -> SocketAddr {
        self.http
    }

    #[must_use]
    pub fn grpc(&self) -> SocketAddr {
        self.grpc
    }

    /// What it really worked on, in order, once there are `count` things.
    ///
    /// # Errors
    /// When there are fewer.
    pub fn did(&mut self, count: usize) -> Result<Vec<String>, Error> {
        did(&mut self.service, count)
    }

    /// Everything it wrote to stderr so far.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn stderr(&self) -> Result<String, Error> {
        self.service.stderr()
    }

    /// Plays `scenario`, as `a2a_client.py` describes it, and gives what each step printed.
    ///
    /// # Errors
    /// When the client can't be started or gives up: its stderr says why.
    pub fn play(scenario: &Value) -> Result<Vec<Value>, Error> {
        play("the A2A client", python("a2a_client.py", scenario)?)
    }
}

fn did(service: &mut Service, count: usize) -> Result<Vec<String>, Error> {
    let read = |line: &str| serde_json::from_str::<Value>(line).ok()?.get("did")?.as_str().map(str::to_owned);
    let mut left = count;
    service.wait_for_line(PATIENCE, |line| {
        left = left.saturating_sub(usize::from(read(line).is_some()));
        left == 0
    })?;
    Ok(service.lines().iter().filter_map(|line| read(line)).collect())
}

fn loopback(name: &str, told: &Value, key: &str) -> Result<SocketAddr, Error> {
    let port = told.get(key).and_then(Value::as_u64).and_then(|port| u16::try_from(port).ok());
    port.map(|port| SocketAddr::from(([127, 0, 0, 1], port))).ok_or_else(|| unreadable(name, &told.to_string()))
}

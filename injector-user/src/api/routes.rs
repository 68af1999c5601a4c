//! The endpoints: what is read from a request, which command it is, what goes back.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{
        ConnectInfo, DefaultBodyLimit, Path, Query, State,
        rejection::{BytesRejection, PathRejection, QueryRejection},
    },
    http::{Method, StatusCode, Uri},
    response::{IntoResponse as _, Response},
    routing::{get, post, put},
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{
    MOST_BODY, beats, owned,
    peer::Peer,
    reply::{self, Refusal},
    streams,
    types::{DepsDoc, FaultsDoc},
};
use crate::{
    error::Error,
    session::Handle,
    spec::{FaultSpec, TargetSpec},
};

/// What every endpoint needs.
pub(super) struct App {
    /// The engine.
    pub(super) handle: Handle,
    /// The node's name.
    pub(super) node: String,
}

type Shared = State<Arc<App>>;
type Answer = Result<Response, Refusal>;
type Sent = Result<Bytes, BytesRejection>;
type Id = Result<Path<String>, PathRejection>;
type Pairs = Result<Query<Vec<(String, String)>>, QueryRejection>;
type Client = ConnectInfo<Peer>;

/// All endpoints of version 1.
pub(super) fn router(app: App) -> Router {
    Router::new()
        .route("/v1/status", get(status))
        .route("/v1/doctor", get(doctor))
        .route("/v1/plan", post(plan))
        .route("/v1/faults", post(start).delete(stop_all))
        .route("/v1/faults/{id}", get(fault).delete(stop))
        .route("/v1/faults/{id}/watch", get(watch))
        .route("/v1/faults/{id}/report", get(report))
        .route("/v1/faults/{id}/arm", post(arm))
        .route("/v1/faults/{id}/approve", post(approve))
        .route("/v1/limits", get(limits))
        .route("/v1/limits/reload", post(reload))
        .route("/v1/certificate", get(certificate))
        .route("/v1/cost", get(cost))
        .route("/v1/halt", put(halt).delete(lift))
        .route("/v1/flows", get(flows))
        .route("/v1/flows/watch", get(watch_flows))
        .route("/v1/deps", get(deps))
        .route("/v1/deps/watch", get(watch_deps))
        .route("/v1/saturation", get(saturation))
        .route("/v1/saturation/watch", get(watch_saturation))
        .route("/v1/events", get(events))
        .route("/v1/events/watch", get(watch_events))
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(MOST_BODY))
        .with_state(Arc::new(app))
}

impl App {
    fn refuse(&self, error: Error) -> Refusal {
        Refusal::new(&self.node, error)
    }

    fn answer<T: Serialize>(&self, name: &str, body: Result<T, Error>) -> Answer {
        let document = reply::doc(name, &self.node, body.map_err(|error| self.refuse(error))?);
        Ok(reply::json(StatusCode::OK, reply::line(&document, &self.node).into()))
    }

    fn body(&self, body: Sent) -> Result<Bytes, Refusal> {
        body.map_err(|error| match error.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                let error = Error::usage(format!("the request's body is larger than {MOST_BODY} bytes"))
                    .hint("a fault takes a few hundred");
                Refusal::with_status(&self.node, StatusCode::PAYLOAD_TOO_LARGE, error)
            }
            _ => self.refuse(Error::usage(format!("the request's body can't be read: {error}"))),
        })
    }

    fn spec(&self, body: Sent) -> Result<FaultSpec, Refusal> {
        FaultSpec::from_json(&self.body(body)?).map_err(|error| self.refuse(error))
    }

    fn id(&self, id: Id) -> Result<String, Refusal> {
        let wrong = |error: PathRejection| self.refuse(Error::usage(format!("not a fault's id: {error}")));
        Ok(id.map_err(wrong)?.0)
    }

    fn pairs(&self, query: Pairs, known: &str) -> Result<Vec<(String, String)>, Refusal> {
        let query =
            query.map_err(|error| self.refuse(Error::usage(format!("the query can't be read: {error}"))))?.0;
        match query.iter().find(|(key, _)| key != known) {
            None => Ok(query),
            Some((key, _)) => {
                let key = key.escape_debug();
                Err(self.refuse(
                    Error::usage(format!("`{key}` is not known here")).hint(format!("write {known}=...")),
                ))
            }
        }
    }

    fn targets(&self, query: Pairs) -> Result<Vec<TargetSpec>, Refusal> {
        let pairs = self.pairs(query, "target")?;
        let targets = pairs.iter().map(|(_, value)| value.parse()).collect::<Result<_, Error>>();
        targets.map_err(|error| self.refuse(error))
    }

    /// The engine, asked by whoever is on the other end.
    fn by(&self, client: &Client) -> Result<Handle, Refusal> {
        client.0.who().map(|who| self.handle.of(who)).map_err(|error| self.refuse(error))
    }
}

async fn status(State(app): Shared, client: Client) -> Answer {
    app.answer("status", app.by(&client)?.status().await)
}

async fn doctor(State(app): Shared, client: Client, query: Pairs) -> Answer {
    let calls = app.pairs(query, "syscalls")?.iter().any(|(_, value)| value == "true");
    let doctor = app.by(&client)?.doctor().await.map(|mut doctor| {
        if !calls {
            doctor.syscalls.clear();
        }
        doctor
    });
    app.answer("doctor", doctor)
}

async fn plan(State(app): Shared, client: Client, body: Sent) -> Answer {
    let spec = app.spec(body)?;
    app.answer("plan", app.by(&client)?.plan(spec).await)
}

async fn start(State(app): Shared, client: Client, query: Pairs, body: Sent) -> Answer {
    let mut attach = false;
    for (_, value) in app.pairs(query, "attach")? {
        attach = value.parse().map_err(|_| {
            app.refuse(Error::usage(format!("attach={}", value.escape_debug())).hint("write true or false"))
        })?;
    }
    let spec = app.spec(body)?;
    let handle = app.by(&client)?;
    let (fault, mut owned) = owned::start(&handle, spec).await.map_err(|error| app.refuse(error))?;
    if !attach {
        owned.let_go();
        return app.answer("fault", Ok(fault));
    }
    Ok(reply::ndjson(streams::fault(handle, app.node.clone(), fault, Some(owned))))
}

async fn arm(State(app): Shared, client: Client, id: Id) -> Answer {
    let id = app.id(id)?;
    app.answer("fault", app.by(&client)?.arm(id).await)
}

async fn approve(State(app): Shared, client: Client, id: Id) -> Answer {
    let id = app.id(id)?;
    app.answer("pending", app.by(&client)?.approve(id).await)
}

async fn fault(State(app): Shared, client: Client, id: Id) -> Answer {
    let id = app.id(id)?;
    app.answer("fault", app.by(&client)?.fault(id).await)
}

async fn report(State(app): Shared, client: Client, id: Id) -> Answer {
    let id = app.id(id)?;
    app.answer("report", app.by(&client)?.report(id).await)
}

async fn watch(State(app): Shared, client: Client, id: Id) -> Answer {
    let id = app.id(id)?;
    let handle = app.by(&client)?;
    let fault = handle.fault(id).await.map_err(|error| app.refuse(error))?;
    Ok(reply::ndjson(streams::fault(handle, app.node.clone(), fault, None)))
}

async fn stop(State(app): Shared, client: Client, id: Id) -> Answer {
    let id = app.id(id)?;
    app.answer("fault", app.by(&client)?.stop(id).await)
}

async fn stop_all(State(app): Shared, client: Client) -> Answer {
    let stopped = app.by(&client)?.stop_all().await;
    app.answer("faults", stopped.map(|faults| FaultsDoc { faults }))
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reason {
    #[serde(default)]
    why: String,
}

/// A body that can't be read does not keep a node from being halted: its reason is just lost.
async fn halt(State(app): Shared, client: Client, body: Sent) -> Answer {
    let why = body.ok().and_then(|body| serde_json::from_slice::<Reason>(&body).ok()).unwrap_or_default().why;
    app.answer("status", app.by(&client)?.halt(why).await)
}

async fn lift(State(app): Shared, client: Client) -> Answer {
    app.answer("status", app.by(&client)?.lift().await)
}

async fn limits(State(app): Shared, client: Client) -> Answer {
    app.answer("limits", app.by(&client)?.limits().await)
}

async fn reload(State(app): Shared, client: Client) -> Answer {
    app.answer("limits", app.by(&client)?.reload().await)
}

async fn certificate(State(app): Shared, client: Client) -> Answer {
    app.answer("certificate", app.by(&client)?.certificate().await)
}

async fn cost(State(app): Shared, client: Client) -> Answer {
    app.answer("cost", app.by(&client)?.cost().await)
}

async fn flows(State(app): Shared, client: Client, query: Pairs) -> Answer {
    let targets = app.targets(query)?;
    app.answer("flows", app.by(&client)?.flows(targets).await)
}

async fn deps(State(app): Shared, client: Client, query: Pairs) -> Answer {
    let targets = app.targets(query)?;
    app.answer("deps", app.by(&client)?.flows(targets).await.map(DepsDoc::from))
}

async fn watch_flows(app: Shared, client: Client, query: Pairs) -> Answer {
    watch_all(app, client, query, streams::Of::Flows).await
}

async fn watch_deps(app: Shared, client: Client, query: Pairs) -> Answer {
    watch_all(app, client, query, streams::Of::Dependencies).await
}

/// A target that can't be resolved is an answer with a status, not a line: so the first look is made here.
async fn watch_all(State(app): Shared, client: Client, query: Pairs, of: streams::Of) -> Answer {
    let targets = app.targets(query)?;
    let handle = app.by(&client)?;
    handle.flows(targets.clone()).await.map_err(|error| app.refuse(error))?;
    let body: Body = streams::flows(handle, app.node.clone(), targets, of);
    Ok(reply::ndjson(body))
}

async fn saturation(State(app): Shared, client: Client, query: Pairs) -> Answer {
    let targets = app.targets(query)?;
    app.answer("saturation", app.by(&client)?.saturation(targets).await)
}

/// As for flows: the first look is made here.
async fn watch_saturation(State(app): Shared, client: Client, query: Pairs) -> Answer {
    let targets = app.targets(query)?;
    let handle = app.by(&client)?;
    handle.saturation(targets.clone()).await.map_err(|error| app.refuse(error))?;
    let look = move || {
        let (handle, targets) = (handle.clone(), targets.clone());
        async move { handle.saturation(targets).await }
    };
    Ok(reply::ndjson(beats::every_second("saturation", app.node.clone(), look)))
}

async fn events(State(app): Shared, client: Client) -> Answer {
    app.answer("events", app.by(&client)?.events().await.map(|hub| hub.last()))
}

async fn watch_events(State(app): Shared, client: Client) -> Answer {
    let handle = app.by(&client)?;
    let hub = handle.events().await.map_err(|error| app.refuse(error))?;
    Ok(reply::ndjson(streams::events(handle, app.node.clone(), hub)))
}

async fn unknown(State(app): Shared, uri: Uri) -> Response {
    let error = Error::not_found(format!("there is no {} here", uri.path().escape_debug())).hint(
        "/v1/status, /v1/doctor, /v1/plan, /v1/faults[/ID[/watch|/report|/arm|/approve]], /v1/halt, \
               /v1/flows[/watch], /v1/deps[/watch], /v1/saturation[/watch], /v1/events[/watch], \
               /v1/limits[/reload], /v1/certificate, /v1/cost",
    );
    app.refuse(error).into_response()
}

async fn wrong_method(State(app): Shared, method: Method, uri: Uri) -> Response {
    let error = Error::usage(format!("{method} does not go with {}", uri.path().escape_debug()))
        .hint("docs: GET reads, POST arms, DELETE stops, PUT and DELETE /v1/halt");
    Refusal::with_status(&app.node, StatusCode::METHOD_NOT_ALLOWED, error).into_response()
}

//! The live page: files of this program, which ask nobody but it.

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

const FILES: [(&str, &str, &str); 10] = [
    ("/", HTML, include_str!("page/index.html")),
    ("/page.css", STYLE, include_str!("page/page.css")),
    ("/page.js", SCRIPT, include_str!("page/page.js")),
    ("/decision.js", SCRIPT, include_str!("page/decision.js")),
    ("/fields.js", SCRIPT, include_str!("page/fields.js")),
    ("/list.js", SCRIPT, include_str!("page/list.js")),
    ("/parts.js", SCRIPT, include_str!("page/parts.js")),
    ("/records.js", SCRIPT, include_str!("page/records.js")),
    ("/state.js", SCRIPT, include_str!("page/state.js")),
    ("/stream.js", SCRIPT, include_str!("page/stream.js")),
];

pub(super) fn routes() -> Router {
    FILES.into_iter().fold(Router::new(), |router, (path, kind, text)| {
        router.route(path, get(async move || ([(CONTENT_TYPE, kind)], text)))
    })
}

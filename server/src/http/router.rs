//! All routes, with the OpenAPI document beside them and the middleware around them.

use axum::Router;
use axum::extract::Request;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::app::App;
use crate::console::{guides, pages, problems};
use crate::http::document;
use crate::http::middleware::admission::Routes;
use crate::http::middleware::pipeline::Pipeline;
use crate::http::problem::{Problem, Slug};
use crate::{files, stream, subjects};

/// All routes.
pub fn router(app: App) -> Router {
    let (router, document) = OpenApiRouter::with_openapi(document::ApiDoc::openapi())
        .merge(subjects::router())
        .merge(stream::routes())
        .merge(files::routes::routes())
        .split_for_parts();
    let (routes, document) = (Routes::of(&document), document::complete(&document));
    router
        .merge(pages::routes())
        .merge(guides::routes())
        .merge(problems::routes())
        .merge(utoipa_swagger_ui::SwaggerUi::new("/docs").external_url_unchecked("/openapi.json", document))
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .layer(Pipeline::new(app.clone(), routes))
        .with_state(app)
}

async fn no_such_path(request: Request) -> Problem {
    Problem::new(Slug::NotFound, format!("nothing is at {}", request.uri().path()))
}

async fn no_such_method(request: Request) -> Problem {
    Problem::new(Slug::MethodNotAllowed, format!("{} does not take {}", request.uri().path(), request.method()))
}

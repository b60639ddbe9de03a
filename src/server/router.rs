//! Several services behind one listener.

use std::sync::Arc;

use crate::net::principal::Principal;
use crate::server::http::{BoxFuture, HttpReply, HttpRequest, HttpService, RequestHead, Route};

/// Hands each request to the first service that has its path.
#[derive(Default)]
pub struct Router {
    services: Vec<Arc<dyn HttpService>>,
}

impl Router {
    /// A router over these services, asked in this order.
    pub fn new(services: Vec<Arc<dyn HttpService>>) -> Self {
        Self { services }
    }

    fn find(&self, head: &RequestHead) -> Option<(&dyn HttpService, Route)> {
        self.services
            .iter()
            .find_map(|service| match service.route(head) {
                Route::Unknown => None,
                route => Some((service.as_ref(), route)),
            })
    }
}

impl HttpService for Router {
    fn route(&self, head: &RequestHead) -> Route {
        self.find(head).map_or(Route::Unknown, |(_, route)| route)
    }

    fn call<'a>(&'a self, request: HttpRequest, principal: Principal) -> BoxFuture<'a, HttpReply> {
        match self.find(&request.head) {
            Some((service, Route::Authenticated)) => service.call(request, principal),
            _ => not_served(),
        }
    }

    fn call_anonymous<'a>(&'a self, request: HttpRequest) -> BoxFuture<'a, HttpReply> {
        match self.find(&request.head) {
            Some((service, Route::Anonymous)) => service.call_anonymous(request),
            _ => not_served(),
        }
    }
}

/// Only if a service changed its mind about a path between `route` and the call.
fn not_served<'a>() -> BoxFuture<'a, HttpReply> {
    Box::pin(std::future::ready(HttpReply::text(
        404,
        "Nothing is served under this path any more.",
    )))
}

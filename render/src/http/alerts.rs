//! `/api/v1/alerts`: how every alert rule stands, or the one that `name` names.

use crate::error::Error;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use std::sync::Arc;

use super::Serving;
use super::params::Params;
use super::reply;

/// `/api/v1/alerts`
pub async fn alerts(
    State(serving): State<Arc<Serving>>,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, Error> {
    let board = serving.app.alerts.as_ref().ok_or_else(|| {
        Error::Forbidden(
            "the scope `read` over all names is needed to see alerts, whose targets may name any".to_owned(),
        )
    })?;
    let standings = board.standings();
    let wanted = params.last("name");
    reply::listing(&params, &headers, |json| {
        json.begin_map();
        json.key("alerts");
        json.begin_list();
        let all = standings.iter();
        all.filter(|one| wanted.is_none_or(|name| one.rule.name == name)).for_each(|one| one.write(json));
        json.end_list();
        json.end_map();
    })
}

//! Starts a batch: from the request to the head of the answer.

use crate::answer::refuse_field;
use crate::batches::UnderWay;
use crate::bindings::fantail::fetch::batch::{Batch, PolicyError};
use crate::ceilings::Ceilings;
use crate::convert;
use crate::intake::{Body, Intake};
use crate::settings;
use crate::stream::answer;
use crate::token;
use fantail_engine::Policy;
use fantail_wire::{Problem, policy_path};
use spin_sdk::http::{HeaderMap, StatusCode};
use spin_sdk::wasip3::http::types::Response;

/// Starts a batch. Every problem is found before anything is sent.
pub(crate) async fn post<B: Body + 'static>(headers: &HeaderMap, body: B) -> Result<Response, Problem> {
    let tokens = settings::tokens().await?;
    let token = token::presented(&tokens, headers)?;
    let under_way = UnderWay::begin(token)?;
    let ceilings = Ceilings::read(token).await?;
    let Intake { policy, requests } = Intake::receive(headers, body, ceilings).await?;
    let policy = Policy { host_facts: Some(settings::host_facts().await?), ..ceilings.apply(policy)? };
    let batch = Batch::start(Some(convert::policy(&policy))).await.map_err(|PolicyError { field, reason }| {
        let field = format!("policy.{}", policy_path(&field.replace('-', "_")));
        refuse_field(StatusCode::UNPROCESSABLE_ENTITY, field, reason)
    })?;
    Ok(answer(batch, requests, ceilings, under_way))
}

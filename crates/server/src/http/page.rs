//! Query parameters shared by lists.

use domain::{Invalid, limits};
use serde::Deserialize;
use utoipa::IntoParams;

/// Which page of a list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// The `next_cursor` of the page before.
    pub(crate) cursor: Option<String>,
    /// Rows of a page: 1 to 500; 100 if left out.
    pub(crate) limit: Option<u32>,
}

impl PageQuery {
    /// The rows asked for.
    pub(crate) fn rows(&self) -> Result<u32, Invalid> {
        match self.limit.unwrap_or(limits::PAGE_ROWS_DEFAULT) {
            rows @ 1..=limits::PAGE_ROWS => Ok(rows),
            _ => Err(Invalid::new("limit", "limit_out_of_range", format!("must be 1 to {}", limits::PAGE_ROWS))),
        }
    }
}

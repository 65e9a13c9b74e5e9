//! Institutions: the participants of SPEI, and who of them can be paid today.

use std::sync::Arc;

use axum::{extract::State as Shared, http::StatusCode, response::Response};
use utoipa::IntoParams;
use workflows::domain::InstitutionCode;

use super::{
    Answered, Api,
    caller::Reader,
    extract::Id,
    params::{self, Nothing, Parameters, Params, digits},
    problem::{Code, Problem},
    show::reply,
    view::{institution::Institution, page::Page},
};

/// Which institutions.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Search {
    /// The first three digits of a CLABE.
    #[param(pattern = "^[0-9]{3}$", example = "012")]
    clabe: Option<String>,
    /// A part of the name, in any case.
    #[param(min_length = 1, max_length = 64, example = "bbva")]
    name: Option<String>,
}

impl Parameters for Search {
    fn read(query: &mut params::Reader) -> Self {
        let prefix = |text: &str| digits(text).filter(|text| text.len() == 3).map(str::to_owned);
        let part = |text: &str| (1..=64).contains(&text.chars().count()).then(|| text.to_lowercase());
        Self {
            clabe: query.one(
                "clabe",
                "write the first three digits of the CLABE, and no more",
                prefix,
            ),
            name: query.one("name", "write 1 to 64 characters of the name", part),
        }
    }
}

/// List institutions
///
/// The participants of SPEI that giro knows, those that cannot be paid too.
#[utoipa::path(get, path = "/v1/institutions", tag = "institutions", operation_id = "listInstitutions", params(Search),
    responses((status = 200, description = "All that fit, on one page.", body = Page<Institution>)))]
pub(super) async fn list(
    Shared(api): Shared<Arc<Api>>,
    _: Reader,
    Params(search): Params<Search>,
) -> Answered<Response> {
    let on = api.operating_date().await?.date();
    let fits = |row: &&workflows::domain::Institution| {
        let prefix = search.clabe.is_none() || row.clabe_prefix == search.clabe;
        let name = search.name.as_ref();
        prefix && name.is_none_or(|part| row.name.to_lowercase().contains(part))
    };
    let all = &api.institutions;
    let data = all
        .iter()
        .filter(fits)
        .map(|row| Institution::of(row, all, on))
        .collect();
    Ok(reply(StatusCode::OK, Page::whole(data)))
}

/// Look at an institution
#[utoipa::path(get, path = "/v1/institutions/{code}", tag = "institutions", operation_id = "getInstitution",
    params(("code" = u32, Path, description = "Its SPEI code.", example = 40012, minimum = 1, maximum = 99999)),
    responses((status = 200, description = "The institution.", body = Institution)))]
pub(super) async fn show(
    Shared(api): Shared<Arc<Api>>,
    _: Reader,
    Id(code): Id<u32>,
    _: Params<Nothing>,
) -> Answered<Response> {
    let on = api.operating_date().await?.date();
    let all = &api.institutions;
    let row = all
        .code(InstitutionCode::new(code))
        .ok_or(Problem::from(Code::NotFound))?;
    Ok(reply(StatusCode::OK, Institution::of(row, all, on)))
}

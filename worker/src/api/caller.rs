//! Who asks, and what they may do: one extractor for each scope, so that a handler's signature says who may call it.

use std::sync::Arc;

use axum::{extract::FromRequestParts, http::request::Parts};

use super::{Api, problem::Problem};

/// An authenticated service. It owns its payouts, its accounts and its idempotency keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Caller {
    name: String,
    scopes: Vec<Scope>,
}

/// What a caller's key allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scope {
    /// Look at what is its own.
    Read,
    /// Ask for payouts and accounts, and take them back.
    Pay,
    /// See every caller's payouts, and unstick them.
    Operate,
    /// Pause and resume banks.
    Admin,
}

impl Caller {
    /// The name under which it owns things.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// True for what is its own, and for everything to whoever operates.
    pub(super) fn sees(&self, owner: &str) -> bool {
        self.name == owner || self.operates()
    }

    /// True when it sees every caller's payouts.
    pub(super) fn operates(&self) -> bool {
        self.scopes.contains(&Scope::Operate)
    }

    async fn with(_: &mut Parts, api: &Arc<Api>, _: Scope) -> Result<Self, Problem> {
        Ok(Self {
            name: api.config.api.caller.clone(),
            scopes: vec![Scope::Read, Scope::Pay, Scope::Operate, Scope::Admin],
        })
    }
}

/// An extractor that demands a scope.
macro_rules! demands {
    ($($(#[$doc:meta])* $name:ident: $scope:ident,)+) => {
        $(
            $(#[$doc])*
            pub(super) struct $name(pub(super) Caller);

            impl FromRequestParts<Arc<Api>> for $name {
                type Rejection = Problem;

                async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Problem> {
                    Caller::with(parts, api, Scope::$scope).await.map(Self)
                }
            }
        )+
    };
}

demands! {
    /// A caller that may look.
    Reader: Read,
    /// A caller that may ask for money to move.
    Payer: Pay,
}

//! Who asks, and what they may do: one extractor for each scope, so that a handler's signature says who may call it.

use std::sync::Arc;

use activities::keys::Scope;
use axum::{extract::FromRequestParts, http::request::Parts};

use super::{
    Api,
    listen::remote,
    problem::{Code, Problem},
    trace,
};

/// An authenticated service. It owns its payouts, its accounts and its idempotency keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Caller {
    name: String,
    scopes: Vec<Scope>,
    key: Option<String>,
}

impl Caller {
    /// A caller without a key: who may ask while there is none.
    pub(super) fn new(name: String, scopes: Vec<Scope>) -> Self {
        Self {
            name,
            scopes,
            key: None,
        }
    }

    /// The same, by the key with this public id.
    pub(super) fn by_key(self, id: &str) -> Self {
        Self {
            key: Some(id.to_owned()),
            ..self
        }
    }

    /// The name under which it owns things.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// A reason, with the name of who gives it, as people read it later.
    pub(super) fn says(&self, reason: &str) -> String {
        format!("{reason} ({})", self.name)
    }

    /// True for what is its own, and for everything to whoever operates.
    pub(super) fn sees(&self, owner: &str) -> bool {
        self.name == owner || self.operates()
    }

    /// True when it sees every caller's payouts.
    pub(super) fn operates(&self) -> bool {
        self.may(Scope::Operate)
    }

    /// True when it may fund an account by an audited opening credit: that is money from nowhere but its word.
    pub(super) fn funds(&self) -> bool {
        self.may(Scope::Admin)
    }

    fn may(&self, asked: Scope) -> bool {
        self.scopes.iter().any(|scope| scope.implies(asked))
    }

    /// Whoever asks, if its key has one of the scopes.
    async fn with(parts: &mut Parts, api: &Arc<Api>, any_of: &[Scope]) -> Result<Self, Problem> {
        let caller = api.door.caller(&parts.headers, remote(&parts.extensions)).await?;
        trace::by(&caller.name, caller.key.as_deref());
        if any_of.iter().any(|scope| caller.may(*scope)) {
            return Ok(caller);
        }
        let words: Vec<String> = any_of.iter().map(|scope| format!("`{scope}`")).collect();
        let detail = format!(
            "The key is good, but lacks the scope {}. Nothing was done.",
            words.join(" or ")
        );
        Err(Problem::because(Code::Forbidden, detail))
    }
}

/// An extractor that demands a scope.
macro_rules! demands {
    ($($(#[$doc:meta])* $name:ident: $($scope:ident)|+,)+) => {
        $(
            $(#[$doc])*
            pub(super) struct $name(pub(super) Caller);

            impl FromRequestParts<Arc<Api>> for $name {
                type Rejection = Problem;

                async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Problem> {
                    Caller::with(parts, api, &[$(Scope::$scope),+]).await.map(Self)
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
    /// A caller that may take a payout back, or have the bank asked: its own payouts with `pay`, any with `operate`.
    Steward: Pay | Operate,
    /// A caller that sees what all callers' payouts came to.
    Operator: Operate,
    /// A caller that may pause and resume banks.
    Admin: Admin,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_operates_sees_what_is_not_its_own() {
        for scope in Scope::ALL {
            let caller = Caller::new("payments".to_owned(), vec![scope]);
            assert!(caller.sees("payments"));
            assert_eq!(
                caller.sees("payroll"),
                matches!(scope, Scope::Operate | Scope::Admin),
                "{scope}"
            );
        }
        assert!(!Caller::new("payments".to_owned(), Vec::new()).may(Scope::Read));
    }
}

//! Keys of callers, as the books have them: made and revoked by an operator, read by the API.
//!
//! A key is `giro_<id>_<secret>`. The id is public. Of the secret, 256 random bits, only the SHA-256 is stored: a hash
//! that is slow on purpose protects what people choose, and nobody chose these.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, PgPool};

use crate::ledger::StoreError;

/// What a key allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Look at what is its own.
    Read,
    /// Ask for payouts and accounts, and take its own back. Implies `read`.
    Pay,
    /// See every caller's payouts, and unstick them. Implies `read`.
    Operate,
    /// Pause and resume banks. Implies `operate`, and not `pay`: whoever runs giro asks for no money.
    Admin,
}

impl Scope {
    /// All of them, the least first.
    pub const ALL: [Self; 4] = [Self::Read, Self::Pay, Self::Operate, Self::Admin];

    /// The word in the books, on the command line and in answers.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Pay => "pay",
            Self::Operate => "operate",
            Self::Admin => "admin",
        }
    }

    /// True when a key with this scope may do what `asked` names.
    pub const fn implies(self, asked: Self) -> bool {
        match self {
            Self::Read => matches!(asked, Self::Read),
            Self::Pay => matches!(asked, Self::Read | Self::Pay),
            Self::Operate => matches!(asked, Self::Read | Self::Operate),
            Self::Admin => matches!(asked, Self::Read | Self::Operate | Self::Admin),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.word())
    }
}

impl FromStr for Scope {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|scope| scope.word() == text);
        found.ok_or("the scopes are read, pay, operate, admin")
    }
}

/// A key that is to be.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// Its public half: 12 hexadecimal digits.
    pub id: String,
    /// Whom requests with it act for.
    pub caller: String,
    /// What people call it.
    pub label: String,
    /// SHA-256 of the secret.
    pub secret_sha256: [u8; 32],
    /// What it allows.
    pub scopes: Vec<Scope>,
    /// Who made it.
    pub created_by: String,
    /// Seconds until it ends by itself; `None` is never.
    pub seconds: Option<i64>,
}

/// A key that may be used now.
#[derive(Clone, Debug)]
pub struct LiveKey {
    /// Its public half.
    pub id: String,
    /// Whom requests with it act for.
    pub caller: String,
    /// SHA-256 of the secret.
    pub secret_sha256: Vec<u8>,
    /// What it allows.
    pub scopes: Vec<Scope>,
    /// True when its last use was not written within the minute.
    pub is_stale: bool,
}

/// A key as an operator sees it; times are UTC.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Listed {
    /// Its public half.
    pub id: String,
    /// Whom requests with it act for.
    pub caller: String,
    /// What people call it.
    pub label: String,
    /// What it allows.
    pub scopes: Vec<Scope>,
    /// `live`, `expired` or `revoked`.
    pub state: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: String,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was ended by people.
    pub revoked_at: Option<Timestamp>,
    /// When it was used last, to the minute.
    pub last_used_at: Option<Timestamp>,
}

/// What a revocation found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// It was live, or expired: it is revoked now.
    Now,
    /// It was revoked before.
    Before,
    /// There is no such key.
    Unknown,
}

/// Writes a key.
pub async fn create(connection: &mut PgConnection, key: &NewKey) -> Result<(), StoreError> {
    let scopes: Vec<String> = key.scopes.iter().map(Scope::to_string).collect();
    sqlx::query!(
        r#"insert into api_key (id, caller, label, secret_sha256, scopes, created_by, expires_at)
           values ($1, $2, $3, $4, $5, $6, now() + $7::bigint * interval '1 second')"#,
        key.id,
        key.caller,
        key.label,
        &key.secret_sha256[..],
        &scopes,
        key.created_by,
        key.seconds
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Every key that ever was, the newest first.
pub async fn list(connection: &mut PgConnection) -> Result<Vec<Listed>, StoreError> {
    let found = sqlx::query_scalar!(
        r#"select to_jsonb(k) - 'secret_sha256' || jsonb_build_object('state', case
                      when revoked_at is not null then 'revoked'
                      when expires_at <= now() then 'expired'
                      else 'live' end) as "row!"
           from api_key k order by created_at desc, id"#
    );
    let rows = found.fetch_all(connection).await?;
    rows.into_iter()
        .map(|row| serde_json::from_value(row).map_err(StoreError::from))
        .collect()
}

/// Ends a key for good.
pub async fn revoke(connection: &mut PgConnection, id: &str) -> Result<Revoked, StoreError> {
    let now = sqlx::query!(
        "update api_key set revoked_at = now() where id = $1 and revoked_at is null",
        id
    )
    .execute(&mut *connection)
    .await?;
    if now.rows_affected() == 1 {
        return Ok(Revoked::Now);
    }
    let known = sqlx::query_scalar!(r#"select exists(select from api_key where id = $1) as "known!""#, id);
    Ok(if known.fetch_one(connection).await? {
        Revoked::Before
    } else {
        Revoked::Unknown
    })
}

/// The keys that may be used now.
pub async fn live(pool: &PgPool) -> Result<Vec<LiveKey>, StoreError> {
    let found = sqlx::query!(
        r#"select id, caller, secret_sha256, scopes,
                  coalesce(last_used_at < now() - interval '1 minute', true) as "is_stale!"
           from api_key where revoked_at is null and (expires_at is null or expires_at > now())"#
    );
    let rows = found.fetch_all(pool).await?;
    let keys = rows.into_iter().map(|row| LiveKey {
        id: row.id,
        caller: row.caller,
        secret_sha256: row.secret_sha256,
        // A word that this release does not know allows nothing.
        scopes: row.scopes.iter().filter_map(|word| word.parse().ok()).collect(),
        is_stale: row.is_stale,
    });
    Ok(keys.collect())
}

/// True once a key was ever made, whatever became of it.
pub async fn any(pool: &PgPool) -> Result<bool, StoreError> {
    let found = sqlx::query_scalar!(r#"select exists(select from api_key) as "any!""#);
    Ok(found.fetch_one(pool).await?)
}

/// Writes that a key was used, at most once a minute whoever says it.
pub async fn used(pool: &PgPool, id: &str) -> Result<(), StoreError> {
    sqlx::query!(
        r#"update api_key set last_used_at = now()
           where id = $1 and coalesce(last_used_at < now() - interval '1 minute', true)"#,
        id
    )
    .execute(pool)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scope_may_look_and_none_asks_for_money_but_pay() {
        for scope in Scope::ALL {
            assert!(scope.implies(Scope::Read) && scope.implies(scope));
            assert_eq!(scope.implies(Scope::Pay), scope == Scope::Pay, "{scope}");
            assert_eq!(scope.implies(Scope::Admin), scope == Scope::Admin, "{scope}");
            assert_eq!(scope.word().parse(), Ok(scope));
        }
        assert!(Scope::Admin.implies(Scope::Operate) && !Scope::Pay.implies(Scope::Operate));
        assert!("Read".parse::<Scope>().is_err());
    }
}

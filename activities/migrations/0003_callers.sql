-- Who may ask: keys of callers. And where a webhook came from.

-- The secret is 256 random bits, so that a plain hash is enough: nobody guesses it, and no dictionary holds it.
create table api_key (
    id text primary key check (id ~ '^[0-9a-f]{12}$'),          -- public: it stands in logs, and before the secret
    caller text not null check (caller ~ '^[A-Za-z0-9._-]{1,64}$'),
    label text not null check (char_length(label) between 1 and 100),
    secret_sha256 bytea not null check (octet_length(secret_sha256) = 32),
    scopes text[] not null check (
        cardinality(scopes) >= 1 and scopes <@ array['read', 'pay', 'operate', 'admin']),
    created_at timestamptz not null default now(),
    created_by text not null,
    expires_at timestamptz check (expires_at > created_at),
    revoked_at timestamptz,
    last_used_at timestamptz                                    -- to the minute, and never before an answer
);

create function api_key_guard() returns trigger language plpgsql as $$
begin
    if (new.id, new.caller, new.label, new.secret_sha256, new.scopes, new.created_at, new.created_by, new.expires_at)
       is distinct from
       (old.id, old.caller, old.label, old.secret_sha256, old.scopes, old.created_at, old.created_by, old.expires_at)
       or (old.revoked_at is not null and new.revoked_at is distinct from old.revoked_at) then
        raise exception 'key %: what it is never changes, and revoked is for good', old.id using errcode = 'check_violation';
    end if;
    return new;
end $$;
create trigger api_key_guard before update on api_key for each row execute function api_key_guard();
-- A table that had keys never looks as if it had none: without any, requests on loopback need none.
create trigger append_only before delete on api_key for each row execute function append_only();
create trigger no_truncate before truncate on api_key execute function append_only();

alter table inbox add column remote text;                       -- the address of the socket, never of a header

-- The application reads keys and says when they were used; making and revoking is the owner's.
do $$ begin
    if exists (select from pg_roles where rolname = 'giro_app') then
        grant select, update (last_used_at) on api_key to giro_app;
    end if;
end $$;

"""The foundation: observations with three times, agreements, dead letters, outbox, runs, the world's clock."""

from alembic import op

revision = "0001"
down_revision = None

OBSERVATIONS = """
CREATE TABLE observation (
    partner           text        COLLATE "C" NOT NULL,
    event_id          text        COLLATE "C" NOT NULL,
    source_version    timestamptz NOT NULL,
    digest            bytea       NOT NULL,
    kind              text        NOT NULL CHECK (kind IN ('insert', 'update', 'cancel')),
    signal            text        NOT NULL,
    syndrome          text        NOT NULL,
    code              text,
    code_system       text,
    place             text        NOT NULL,
    facility          text,
    unit              text,
    age_band          text        NOT NULL DEFAULT 'all',
    sex               text        NOT NULL DEFAULT 'all',
    reference_date    date        NOT NULL,
    reference_end     date        NOT NULL,
    occurred          timestamptz,
    value             double precision NOT NULL,
    unit_of_measure   text        NOT NULL,
    individual        boolean     NOT NULL,
    stay_token        text,
    key_id            text,
    agreement_version integer     NOT NULL,
    reported          timestamptz NOT NULL,
    reported_basis    text        NOT NULL CHECK (reported_basis IN ('stated', 'assumed')),
    recorded          timestamptz NOT NULL DEFAULT clock_timestamp(),
    simulated         boolean     NOT NULL DEFAULT false,
    superseded        timestamptz,
    PRIMARY KEY (partner, event_id, source_version, digest, reference_date)
);
COMMENT ON TABLE observation IS
    'Append-only revisions of events and count reports; identity is what the message itself determines';
COMMENT ON COLUMN observation.reference_date IS 'civil date the observation is about (first day of its period)';
COMMENT ON COLUMN observation.reference_end IS 'civil date after the last day of the period';
COMMENT ON COLUMN observation.occurred IS 'instant of an individual event, UTC';
COMMENT ON COLUMN observation.superseded IS
    'derived: when a later revision, or a snapshot without this event, became known; a row is in force at T when
     reported <= T and (superseded is null or superseded > T)';
CREATE INDEX observation_series ON observation (signal, place, reference_date);
CREATE INDEX observation_stay ON observation (stay_token, occurred) WHERE stay_token IS NOT NULL;

CREATE TABLE snapshot (
    partner        text        COLLATE "C" NOT NULL,
    event_id       text        COLLATE "C" NOT NULL,
    source_version timestamptz NOT NULL,
    signal         text        NOT NULL,
    place          text        NOT NULL,
    facility       text,
    covers_from    date        NOT NULL,
    covers_until   date        NOT NULL,
    rows_expected  integer     NOT NULL,
    reported       timestamptz NOT NULL,
    recorded       timestamptz NOT NULL DEFAULT clock_timestamp(),
    complete       boolean     NOT NULL DEFAULT false,
    PRIMARY KEY (partner, event_id, source_version)
);
COMMENT ON TABLE snapshot IS
    'A cumulative file covers [from, until): once all its rows are in, what it no longer holds is retracted';

CREATE TABLE tombstone (
    partner  text        COLLATE "C" NOT NULL,
    event_id text        COLLATE "C" NOT NULL,
    erased   timestamptz NOT NULL,
    reason   text        NOT NULL,
    PRIMARY KEY (partner, event_id)
);
COMMENT ON TABLE tombstone IS
    'Erased events (or stay/ and its token), without content: stops a replay from bringing them back';

CREATE TABLE dead_letter (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest        bytea       NOT NULL UNIQUE,
    stage         text        NOT NULL CHECK (stage IN ('gateway', 'stream')),
    partner       text,
    topic         text,
    partition     integer,
    "offset"      bigint,
    quarantine_id text,
    size_bytes    integer     NOT NULL,
    payload       bytea,
    reason        text        NOT NULL,
    field         text,
    place_in_input text,
    recorded      timestamptz NOT NULL DEFAULT clock_timestamp(),
    retried       timestamptz,
    resolved      timestamptz
);

CREATE TABLE retained_count (
    signal         text        NOT NULL,
    syndrome       text        NOT NULL,
    place          text        NOT NULL,
    facility       text,
    age_band       text        NOT NULL,
    partner        text        NOT NULL,
    reference_date date        NOT NULL,
    reference_end  date        NOT NULL,
    known          timestamptz NOT NULL,
    change         double precision NOT NULL
);
COMMENT ON TABLE retained_count IS
    'What erased events had added to the counts, by the moment it became known: aggregates outlive their events';
CREATE INDEX retained_count_series ON retained_count (signal, place, reference_date);
"""

PARTNERS = """
CREATE TABLE agreement (
    partner  text        NOT NULL,
    version  integer     NOT NULL,
    document jsonb       NOT NULL,
    digest   bytea       NOT NULL,
    applied  timestamptz NOT NULL DEFAULT clock_timestamp(),
    applied_by text      NOT NULL,
    PRIMARY KEY (partner, version)
);
COMMENT ON TABLE agreement IS 'Versioned agreements: what a partner sends, to whom it shows, how long it is kept';

CREATE TABLE reference_table (
    name     text        NOT NULL,
    version  integer     NOT NULL,
    document jsonb       NOT NULL,
    digest   bytea       NOT NULL,
    applied  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (name, version)
);
COMMENT ON TABLE reference_table IS 'Versioned data the engine reads by name: capacities, stay tables, colour rules';
"""

NEWS = """
CREATE TABLE outbox (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic     text        NOT NULL,
    key       text        NOT NULL,
    payload   jsonb       NOT NULL,
    public    boolean     NOT NULL DEFAULT false,
    created   timestamptz NOT NULL DEFAULT clock_timestamp(),
    published timestamptz
);
COMMENT ON TABLE outbox IS 'News, written in the transaction that made it; its id is the Last-Event-ID of the stream';
CREATE INDEX outbox_waiting ON outbox (id) WHERE published IS NULL;
CREATE FUNCTION notify_outbox() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('meteo_outbox', TG_TABLE_SCHEMA || '/' || NEW.id);
    RETURN NULL;
END $$;
CREATE TRIGGER outbox_notify AFTER INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION notify_outbox();

CREATE TABLE clock (
    singleton    boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    anchor_real  timestamptz NOT NULL,
    anchor_world timestamptz NOT NULL,
    speed        double precision NOT NULL
);
COMMENT ON TABLE clock IS 'The time of this world; no row means the machine''s own time';

CREATE TABLE bookmark (
    name     text PRIMARY KEY,
    document jsonb       NOT NULL,
    changed  timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE bookmark IS 'Where a replay, a simulation or a fetch stands, so that it resumes';
"""

RUNS = """
CREATE TABLE run (
    id              bigint      PRIMARY KEY,
    cycle           text        NOT NULL,
    origin          date        NOT NULL,
    as_of           timestamptz NOT NULL,
    created         timestamptz NOT NULL,
    reason          text        NOT NULL CHECK (reason IN ('cycle', 'demand', 'data', 'catch-up')),
    scope           jsonb       NOT NULL,
    seed            bigint      NOT NULL,
    code_digest     bytea       NOT NULL,
    config_digest   bytea       NOT NULL,
    rules_digest    bytea       NOT NULL,
    panel_digest    bytea       NOT NULL,
    state_digest    bytea       NOT NULL,
    manifest        jsonb       NOT NULL,
    previous_digest bytea,
    digest          bytea       NOT NULL UNIQUE,
    trust           text        NOT NULL CHECK (trust IN ('ok', 'degraded', 'broken'))
);
COMMENT ON TABLE run IS 'Immutable forecast runs, numbered from 1, each digest chained to the previous of this world';
CREATE INDEX run_as_of ON run (as_of DESC);

CREATE TABLE run_content (
    digest  bytea       PRIMARY KEY,
    content bytea       NOT NULL,
    created timestamptz NOT NULL
);
COMMENT ON TABLE run_content IS 'Inputs of runs by the digest of their canonical bytes, compressed; shared when equal';

CREATE TABLE run_input (
    run_id  bigint NOT NULL REFERENCES run,
    name    text   NOT NULL,
    digest  bytea  NOT NULL REFERENCES run_content,
    PRIMARY KEY (run_id, name)
);
COMMENT ON TABLE run_input IS 'What a run read: panel, stay lengths, capacities, rules, the state it started from';

CREATE TABLE model_state (
    scope   text        NOT NULL,
    name    text        NOT NULL,
    as_of   timestamptz NOT NULL,
    digest  bytea       NOT NULL REFERENCES run_content,
    run_id  bigint      NOT NULL REFERENCES run,
    PRIMARY KEY (scope, name, as_of, run_id)
);
COMMENT ON TABLE model_state IS 'The state each run left behind; a run starts from the newest one not after its as-of';

CREATE TABLE run_plan (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    plan      jsonb       NOT NULL,
    inputs    bytea,
    chunks    integer     NOT NULL CHECK (chunks > 0),
    opened    timestamptz NOT NULL DEFAULT clock_timestamp(),
    run_id    bigint REFERENCES run,
    abandoned timestamptz
);
COMMENT ON TABLE run_plan IS 'A run whose parts are being computed by workers; inputs are dropped once it is sealed';

CREATE TABLE run_part (
    plan_id  bigint      NOT NULL REFERENCES run_plan ON DELETE CASCADE,
    chunk    integer     NOT NULL,
    content  bytea       NOT NULL,
    digest   bytea       NOT NULL,
    computed timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (plan_id, chunk)
);
COMMENT ON TABLE run_part IS 'What one worker computed for one chunk of territories';

CREATE TABLE run_series (
    run_id    bigint  NOT NULL REFERENCES run,
    territory text    NOT NULL,
    target    text    NOT NULL,
    facility  text    NOT NULL DEFAULT '',
    unit_of_measure text NOT NULL,
    horizons  integer[] NOT NULL,
    levels    double precision[] NOT NULL,
    quantiles double precision[] NOT NULL,
    mean      double precision[] NOT NULL,
    draws     bytea,
    draws_digest bytea NOT NULL,
    models    jsonb   NOT NULL,
    explanation jsonb,
    PRIMARY KEY (run_id, territory, target, facility)
);
COMMENT ON COLUMN run_series.quantiles IS 'horizon x level';
COMMENT ON COLUMN run_series.draws IS 'float32, little-endian, horizon x draw; may be pruned, the digest stays';

CREATE TABLE run_territory (
    run_id       bigint NOT NULL REFERENCES run,
    territory    text   NOT NULL,
    trust        text   NOT NULL CHECK (trust IN ('ok', 'degraded', 'broken')),
    trust_causes jsonb  NOT NULL,
    colour       text   NOT NULL CHECK (colour IN ('green', 'yellow', 'orange', 'red', 'grey')),
    headline_day date,
    headline_unit text,
    message_key  text   NOT NULL,
    message_params jsonb NOT NULL,
    freshness    jsonb  NOT NULL,
    leadlag      jsonb  NOT NULL,
    valid_until  timestamptz NOT NULL,
    PRIMARY KEY (run_id, territory)
);

CREATE TABLE run_day (
    run_id      bigint NOT NULL REFERENCES run,
    territory   text   NOT NULL,
    facility    text   NOT NULL DEFAULT '',
    unit        text   NOT NULL,
    day         date   NOT NULL,
    horizon     integer NOT NULL,
    colour      text   NOT NULL CHECK (colour IN ('green', 'yellow', 'orange', 'red', 'grey')),
    raw_colour  text   NOT NULL,
    probability double precision,
    beds_needed jsonb,
    beds_free   jsonb,
    basis       text   NOT NULL CHECK (basis IN ('census', 'estimated', 'pressure', 'none')),
    driver      text,
    PRIMARY KEY (run_id, territory, facility, unit, day)
);
COMMENT ON TABLE run_day IS 'The vigilance of each unit and day; unit is conventional or critical';

CREATE TABLE score (
    run_id    bigint  NOT NULL REFERENCES run,
    territory text    NOT NULL,
    target    text    NOT NULL,
    facility  text    NOT NULL DEFAULT '',
    horizon   integer NOT NULL,
    day       date    NOT NULL,
    observed  double precision NOT NULL,
    median    double precision NOT NULL,
    wis       double precision NOT NULL,
    baseline_wis double precision,
    covered_50 boolean NOT NULL,
    covered_80 boolean NOT NULL,
    covered_95 boolean NOT NULL,
    pit       double precision NOT NULL,
    truth_as_of timestamptz NOT NULL,
    PRIMARY KEY (run_id, territory, target, facility, horizon)
);
COMMENT ON TABLE score IS 'Verification: what published forecasts were worth, once the truth has matured';
CREATE INDEX score_series ON score (territory, target, day);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'table % is immutable: a published run is never changed', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE FUNCTION only_prune_draws() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR NEW.draws IS NOT NULL
        OR (to_jsonb(NEW) - 'draws') IS DISTINCT FROM (to_jsonb(OLD) - 'draws') THEN
        RAISE EXCEPTION 'table % is immutable: only its draws may be pruned', TG_TABLE_NAME
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER run_immutable BEFORE UPDATE OR DELETE ON run
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER run_territory_immutable BEFORE UPDATE OR DELETE ON run_territory
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER run_day_immutable BEFORE UPDATE OR DELETE ON run_day
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER run_series_immutable BEFORE UPDATE OR DELETE ON run_series
    FOR EACH ROW EXECUTE FUNCTION only_prune_draws();
"""


def upgrade() -> None:
    """Make every table of a world."""
    for part in (OBSERVATIONS, PARTNERS, NEWS, RUNS):
        op.execute(part.replace(":", r"\:"))


def downgrade() -> None:
    """Drop every table of a world."""
    op.execute(
        "DROP TABLE score, run_day, run_territory, run_series, run_part, run_plan, model_state, run_input,"
        " run_content, run, bookmark, clock, outbox,"
        " reference_table, agreement, retained_count, dead_letter, tombstone, snapshot"
    )
    # TimescaleDB drops a hypertable only by itself.
    op.execute("DROP TABLE observation")
    op.execute("DROP FUNCTION notify_outbox(), refuse_change(), only_prune_draws()")

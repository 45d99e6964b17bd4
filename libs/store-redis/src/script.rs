mod device;

use std::sync::LazyLock;

pub(crate) use self::device::{APPROVE_DEVICE, DENY_DEVICE, FIND_DEVICE, POLL_DEVICE, PUT_DEVICE};

/// A verb that Redis carries out in one atomic step.
pub(crate) struct Script {
    code: &'static str,
    hash: String,
}

impl Script {
    fn new(code: &'static str) -> Self {
        let hash = redis::Script::new(code).get_hash().to_owned();
        Self { code, hash }
    }

    pub(crate) fn code(&self) -> &'static str {
        self.code
    }

    /// The call by hash, which is short.
    pub(crate) fn by_hash(&self) -> redis::Cmd {
        let mut cmd = redis::cmd("EVALSHA");
        cmd.arg(&self.hash);
        cmd
    }

    /// The call by text, for a server that was restarted since the script was loaded. It loads it.
    pub(crate) fn by_text(&self) -> redis::Cmd {
        let mut cmd = redis::cmd("EVAL");
        cmd.arg(self.code);
        cmd
    }
}

/// All of them, to be loaded as soon as a server is reached.
pub(crate) fn all() -> [&'static Script; 17] {
    [
        &PUT,
        &ADVANCE,
        &FINISH,
        &DROP,
        &PUT_CODE,
        &CLAIM_CODE,
        &ANSWER_CODE,
        &PUT_DEVICE,
        &FIND_DEVICE,
        &APPROVE_DEVICE,
        &DENY_DEVICE,
        &POLL_DEVICE,
        &BEGIN_REFRESH,
        &END_REFRESH,
        &COUNT,
        &COUNT_FAILURES,
        &FAILURES,
    ]
}

/// Functions that keep a tenant's lists. A list is a sorted set by the moment its entries end as the
/// server's clock will tell it, which ends the entries too; the first to end come first. It ends itself with the last of them. That of logins under way names each as
/// `<bytes>:<id>`, with a counter of the bytes beside it. All of a tenant's keys lie on one node.
macro_rules! with_lists {
    ($($body:tt)*) => {
        concat!(
            r"local function at(ttl)
  local time = redis.call('TIME')
  local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
  return string.format('%.0f', now + tonumber(ttl))
end
local function outlive(key, ttl)
  local life = redis.call('PTTL', key)
  if life < tonumber(ttl) then redis.call('PEXPIRE', key, ttl) end
end
local function enlist(list, name, ttl)
  redis.call('ZADD', list, at(ttl), name)
  outlive(list, ttl)
end
local function weigh(counter, by, ttl)
  local bytes = redis.call('INCRBY', counter, string.format('%.0f', by))
  if bytes < 0 then
    bytes = 0
    redis.call('SET', counter, '0', 'KEEPTTL')
  end
  outlive(counter, ttl)
  return bytes
end
local function leave(list, counter, size, id, ttl)
  if redis.call('ZREM', list, size .. ':' .. id) == 1 then weigh(counter, -size, ttl) end
end
local function arrive(list, counter, size, id, ttl)
  if redis.call('ZADD', list, at(ttl), size .. ':' .. id) == 1 then weigh(counter, size, ttl) end
  outlive(list, ttl)
end
",
            $($body)*
        )
    };
}

use with_lists;

/// `KEYS` login, list, counter; `ARGV` its lifetime, the record, its id, the greatest number and the
/// greatest bytes of the list, what comes before the id in the key of a login.
/// Answers 1, or 0 where a login of that name stands, or -2 where it is larger than all the room.
pub(crate) static PUT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(with_lists!(
        r"local ttl, record, id = ARGV[1], ARGV[2], ARGV[3]
local most, most_bytes = tonumber(ARGV[4]), tonumber(ARGV[5])
local size = string.len(record)
if size > most_bytes then return -2 end
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local function dismiss(names)
  for _, name in ipairs(names) do
    local of, other = string.match(name, '^(%d+):(.+)$')
    redis.call('DEL', ARGV[6] .. other)
    leave(KEYS[2], KEYS[3], of, other, ttl)
  end
end
dismiss(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', at(0), 'LIMIT', 0, 64))
local count = redis.call('ZCARD', KEYS[2])
if count == 0 then redis.call('DEL', KEYS[3]) end
local bytes = tonumber(redis.call('GET', KEYS[3]) or '0')
local turns = 0
while count > 0 and turns < 4096 and (count >= most or bytes + size > most_bytes) do
  dismiss(redis.call('ZRANGE', KEYS[2], 0, 0))
  count = count - 1
  bytes = tonumber(redis.call('GET', KEYS[3]) or '0')
  turns = turns + 1
end
redis.call('SET', KEYS[1], record, 'PX', ttl)
arrive(KEYS[2], KEYS[3], size, id, ttl)
return 1"
    ))
});

/// `KEYS` login, list, counter; `ARGV` the version it must have, the new record, its id. Answers 1, or
/// 0 where the login is not at that version, or -1 where it cannot be read.
pub(crate) static ADVANCE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(with_lists!(
        r"local head = redis.call('GETRANGE', KEYS[1], 0, 63)
if head == '' then return 0 end
local version = string.match(head, '^1|(%d+)|')
if not version then return -1 end
if version ~= ARGV[1] then return 0 end
local ttl = redis.call('PTTL', KEYS[1])
leave(KEYS[2], KEYS[3], redis.call('STRLEN', KEYS[1]), ARGV[3], ttl)
redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
arrive(KEYS[2], KEYS[3], string.len(ARGV[2]), ARGV[3], ttl)
return 1"
    ))
});

/// `KEYS` login, list, counter, code, list of fresh codes; `ARGV` the version the login must have,
/// its id, the code's record, its lifetime, its name in the list, the greatest number of the list.
/// Answers as [`ADVANCE`], and -2 where no more codes may stand.
pub(crate) static FINISH: LazyLock<Script> = LazyLock::new(|| {
    Script::new(with_lists!(
        r"local head = redis.call('GETRANGE', KEYS[1], 0, 63)
if head == '' then return 0 end
local version = string.match(head, '^1|(%d+)|')
if not version then return -1 end
if version ~= ARGV[1] then return 0 end
redis.call('ZREMRANGEBYSCORE', KEYS[5], '-inf', at(0))
if redis.call('ZCARD', KEYS[5]) >= tonumber(ARGV[6]) then return -2 end
redis.call('SET', KEYS[4], ARGV[3], 'PX', ARGV[4])
enlist(KEYS[5], ARGV[5], ARGV[4])
leave(KEYS[2], KEYS[3], redis.call('STRLEN', KEYS[1]), ARGV[2], 1)
redis.call('DEL', KEYS[1])
return 1"
    ))
});

/// `KEYS` login, list, counter; `ARGV` its id. Answers how many went.
pub(crate) static DROP: LazyLock<Script> = LazyLock::new(|| {
    Script::new(with_lists!(
        r"leave(KEYS[2], KEYS[3], redis.call('STRLEN', KEYS[1]), ARGV[1], 1)
return redis.call('DEL', KEYS[1])"
    ))
});

/// `KEYS` code, list of fresh codes; `ARGV` its lifetime, the record, its name in the list, the
/// greatest number of the list. Answers 1, or 0 where a code of that name stands, or -2 where no more
/// codes may stand.
pub(crate) static PUT_CODE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(with_lists!(
        r"redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', at(0))
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[4]) then return -2 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[1])
enlist(KEYS[2], ARGV[3], ARGV[1])
return 1"
    ))
});

/// `KEYS` refreshed login; `ARGV` who asks, for how long. Answers what stands there, or nothing where
/// the turn is theirs now.
pub(crate) static BEGIN_REFRESH: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"local found = redis.call('GET', KEYS[1])
if found then return found end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return false",
    )
});

/// `KEYS` refreshed login; `ARGV` who asked. Answers how many turns ended.
pub(crate) static END_REFRESH: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])",
    )
});

/// A function that tells the epoch: which process the server is, which is another after each start,
/// and which line of replication it is on, which is another after each change of masters. Either may
/// have set the data back. Empty where an ACL or the server does not tell.
macro_rules! with_epoch {
    ($body:literal) => {
        concat!(
            r"local function epoch()
  local server = redis.pcall('INFO', 'server')
  local replication = redis.pcall('INFO', 'replication')
  if type(server) ~= 'string' or type(replication) ~= 'string' then return '' end
  local run = string.match(server, '\nrun_id:(%x+)')
  local line = string.match(replication, '\nmaster_replid:(%x+)')
  if not run or not line then return '' end
  return run .. '.' .. line
end
",
            $body
        )
    };
}

/// `KEYS` code; `ARGV` the presenter, how long the code lives at least from its first claim. Answers
/// {1, JSON, claim, epoch} to whose code it is, {2, grant id, 0, ''} to all others, {0, '', 0, ''}
/// where there is no code, {-1, '', 0, ''} where it cannot be read.
pub(crate) static CLAIM_CODE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(with_epoch!(
        r"local record = redis.call('GET', KEYS[1])
if not record then return {0, '', 0, ''} end
local state, grant = string.match(record, '^1|([FCU])|([%w_%-]+)|')
if not state then return {-1, '', 0, ''} end
if state == 'U' then return {2, grant, 0, ''} end
local claim, json = 1, nil
local life = redis.call('PTTL', KEYS[1])
if state == 'F' then
  json = string.match(record, '^1|F|[^|]*|(.*)$')
  life = math.max(life, tonumber(ARGV[2]))
else
  local claims, presenter
  claims, presenter, json = string.match(record, '^1|C|[^|]*|(%d+)|([^|]*)|(.*)$')
  if not claims then return {-1, '', 0, ''} end
  if presenter ~= ARGV[1] then return {2, grant, 0, ''} end
  claim = tonumber(claims) + 1
end
local head = string.format('1|C|%s|%.0f|%s|', grant, claim, ARGV[1])
redis.call('SET', KEYS[1], head .. json, 'PX', string.format('%.0f', math.max(life, 1)))
return {1, json, claim, epoch()}"
    ))
});

/// `KEYS` code, list of fresh codes; `ARGV` the claim, how long to remember, the code's name in the
/// list. Answers {1, epoch} to the claim that may be answered, {0, ''} to all others, {2, ''} where
/// there is no code, {-1, ''} where it cannot be read.
pub(crate) static ANSWER_CODE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(with_epoch!(
        r"local head = redis.call('GETRANGE', KEYS[1], 0, 255)
if head == '' then return {2, ''} end
local state, grant = string.match(head, '^1|([FCU])|([%w_%-]+)|')
if not state then return {-1, ''} end
if state == 'U' then return {0, ''} end
local claim = string.match(head, '^1|C|[^|]*|(%d+)|')
if claim and tonumber(claim) > tonumber(ARGV[1]) then return {0, ''} end
local life = math.max(redis.call('PTTL', KEYS[1]), tonumber(ARGV[2]))
redis.call('SET', KEYS[1], '1|U|' .. grant .. '|', 'PX', string.format('%.0f', life))
redis.call('ZREM', KEYS[2], ARGV[3])
return {1, epoch()}"
    ))
});

/// `KEYS` counter, list of counters; `ARGV` the window, its name in the list, the greatest number of
/// the list, what comes before the name in the key of a counter. Answers the count, or -1 where it
/// cannot be read. Where the list is full the counter goes that would end first.
pub(crate) static COUNT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(with_lists!(
        r"local record = redis.call('GET', KEYS[1])
if record then
  local count = string.match(record, '^1|(%d+)|$')
  if not count then return -1 end
  local more = tonumber(count) + 1
  redis.call('SET', KEYS[1], string.format('1|%.0f|', more), 'KEEPTTL')
  return more
end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', at(0))
redis.call('ZREM', KEYS[2], ARGV[2])
local beyond = redis.call('ZCARD', KEYS[2]) - tonumber(ARGV[3])
if beyond >= 0 then
  for _, name in ipairs(redis.call('ZRANGE', KEYS[2], 0, math.min(beyond, 255))) do
    redis.call('DEL', ARGV[4] .. name)
    redis.call('ZREM', KEYS[2], name)
  end
end
redis.call('SET', KEYS[1], '1|1|', 'PX', ARGV[1])
enlist(KEYS[2], ARGV[2], ARGV[1])
return 1"
    ))
});

/// `KEYS` list of counters, and the counter of each name; `ARGV` the greatest number of the list, what
/// comes before the name in the key of a counter, the most doublings, and for each name it itself and its pace: how many
/// are free, the while, how many more double the rest, the first rest and the longest. Answers for each
/// the count and for how long it is remembered, or a count of -1 where it cannot be read. Where the list
/// is full the counter goes that would end first. The reckoning is that of `insula_store::Pace`.
pub(crate) static COUNT_FAILURES: LazyLock<Script> = LazyLock::new(|| {
    Script::new(with_lists!(
        r"redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', at(0))
local told = {}
for i = 2, #KEYS do
  local own = 4 + (i - 2) * 6
  local name, free, while_ms = ARGV[own], tonumber(ARGV[own + 1]), tonumber(ARGV[own + 2])
  local step, first, longest = tonumber(ARGV[own + 3]), tonumber(ARGV[own + 4]), tonumber(ARGV[own + 5])
  local record = redis.call('GET', KEYS[i])
  local count, ttl = 1, while_ms
  if record then
    local before = string.match(record, '^1|(%d+)|$')
    if not before then return {-1, 0} end
    count = tonumber(before) + 1
    ttl = redis.call('PTTL', KEYS[i])
  else
    redis.call('ZREM', KEYS[1], name)
    local beyond = redis.call('ZCARD', KEYS[1]) - tonumber(ARGV[1])
    if beyond >= 0 then
      for _, other in ipairs(redis.call('ZRANGE', KEYS[1], 0, math.min(beyond, 255))) do
        redis.call('DEL', ARGV[2] .. other)
        redis.call('ZREM', KEYS[1], other)
      end
    end
  end
  if count >= free then
    local doublings = math.min(tonumber(ARGV[3]), math.floor((count - free) / step))
    ttl = math.min(longest, first * 2 ^ doublings) + while_ms
  end
  ttl = string.format('%.0f', math.max(1, ttl))
  redis.call('SET', KEYS[i], string.format('1|%.0f|', count), 'PX', ttl)
  enlist(KEYS[1], name, ttl)
  told[#told + 1] = count
  told[#told + 1] = tonumber(ttl)
end
return told"
    ))
});

/// `KEYS` the counter of each name. Answers for each the count and for how long it is remembered, or a
/// count of -1 where it cannot be read.
pub(crate) static FAILURES: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"local told = {}
for _, key in ipairs(KEYS) do
  local record = redis.call('GET', key)
  local count, ttl = 0, 0
  if record then
    count = tonumber(string.match(record, '^1|(%d+)|$') or '-1')
    ttl = redis.call('PTTL', key)
  end
  told[#told + 1] = count
  told[#told + 1] = ttl
end
return told",
    )
});

use std::sync::LazyLock;

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
pub(crate) fn all() -> [&'static Script; 4] {
    [&ADVANCE, &FINISH, &TAKE_CODE, &COUNT]
}

/// `KEYS` login; `ARGV` the version it must have, now, the new record, its lifetime.
/// Answers 1, or 0 where the login is not at that version, or -1 where it cannot be read.
pub(crate) static ADVANCE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"local head = redis.call('GETRANGE', KEYS[1], 0, 63)
if head == '' then return 0 end
local version, ends = string.match(head, '^1|(%d+)|(%-?%d+)|')
if not version then return -1 end
if version ~= ARGV[1] or tonumber(ends) <= tonumber(ARGV[2]) then return 0 end
redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
return 1",
    )
});

/// `KEYS` login, code; `ARGV` the version the login must have, now, the code's record, its
/// lifetime. Answers as [`ADVANCE`].
pub(crate) static FINISH: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"local head = redis.call('GETRANGE', KEYS[1], 0, 63)
if head == '' then return 0 end
local version, ends = string.match(head, '^1|(%d+)|(%-?%d+)|')
if not version then return -1 end
if version ~= ARGV[1] or tonumber(ends) <= tonumber(ARGV[2]) then return 0 end
if tonumber(ARGV[4]) > 0 then
  redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[4])
end
redis.call('DEL', KEYS[1])
return 1",
    )
});

/// `KEYS` code; `ARGV` now, until when to remember. Answers {1, record} to the first caller,
/// {2, grant id} to all others, {0, ''} where there is no code, {-1, ''} where it cannot be read.
pub(crate) static TAKE_CODE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"local head = redis.call('GETRANGE', KEYS[1], 0, 127)
if head == '' then return {0, ''} end
local state, ends, grant = string.match(head, '^1|([FU])|(%-?%d+)|([%w_%-]+)|')
if not state then return {-1, ''} end
local now = tonumber(ARGV[1])
local till = tonumber(ends)
if till <= now then return {0, ''} end
if state == 'U' then return {2, grant} end
local record = redis.call('GET', KEYS[1])
if tonumber(ARGV[2]) > till then till = tonumber(ARGV[2]) end
local used = string.format('1|U|%.0f|%s|', till, grant)
redis.call('SET', KEYS[1], used, 'PX', string.format('%.0f', till - now))
return {1, record}",
    )
});

/// `KEYS` counter; `ARGV` now, the window. Answers the count, or -1 where it cannot be read.
pub(crate) static COUNT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"local record = redis.call('GET', KEYS[1])
local now = tonumber(ARGV[1])
if record then
  local count, ends = string.match(record, '^1|(%d+)|(%-?%d+)|$')
  if not count then return -1 end
  if tonumber(ends) > now then
    local more = tonumber(count) + 1
    redis.call('SET', KEYS[1], string.format('1|%.0f|%s|', more, ends), 'KEEPTTL')
    return more
  end
end
local ends = string.format('%.0f', now + tonumber(ARGV[2]))
redis.call('SET', KEYS[1], '1|1|' .. ends .. '|', 'PX', ARGV[2])
return 1",
    )
});

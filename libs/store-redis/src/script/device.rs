use std::sync::LazyLock;

use super::{Script, with_lists};

/// Functions that find a device by its user code, and read its head.
macro_rules! with_devices {
    ($body:literal) => {
        concat!(
            r"local function read(key)
  local head = redis.call('GETRANGE', key, 0, 127)
  if head == '' then return nil end
  local state, user, interval, remembered =
    string.match(head, '^1|([WAD])|([%w_%-]+)|(%d+)|(%d+)|')
  if not state then return {} end
  local left = redis.call('PTTL', key) - tonumber(remembered)
  return {state = state, user = user, interval = tonumber(interval), remembered = remembered, left = left}
end
local function head(state, of, interval)
  return string.format('1|%s|%s|%.0f|%s|', state, of.user, interval, of.remembered)
end
",
            $body
        )
    };
}

/// `KEYS` device, user code, list; `ARGV` how long both are kept, the record, the device's name, the
/// greatest number of the list, and what comes before the name in the keys of a device, a user code
/// and a pace. Answers 1, or 0 where one of the two stands.
pub(crate) static PUT_DEVICE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(with_lists!(
        r"if redis.call('EXISTS', KEYS[1], KEYS[2]) > 0 then return 0 end
local function dismiss(names)
  for _, name in ipairs(names) do
    local head = redis.call('GETRANGE', ARGV[5] .. name, 0, 127)
    local user = string.match(head, '^1|%u|([%w_%-]+)|')
    if user then redis.call('DEL', ARGV[6] .. user) end
    redis.call('DEL', ARGV[5] .. name, ARGV[7] .. name)
    redis.call('ZREM', KEYS[3], name)
  end
end
dismiss(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', at(0), 'LIMIT', 0, 64))
local beyond = redis.call('ZCARD', KEYS[3]) - tonumber(ARGV[4])
if beyond >= 0 then dismiss(redis.call('ZRANGE', KEYS[3], 0, math.min(beyond, 255))) end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[1])
redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[1])
enlist(KEYS[3], ARGV[3], ARGV[1])
return 1"
    ))
});

/// `KEYS` user code; `ARGV` what comes before the name in the key of a device. Answers {1, JSON} of one
/// that waits, {2, ''} of one that ended, {3, ''} of one that is settled, {0, ''} where there is none,
/// {-1, ''} where it cannot be read.
pub(crate) static FIND_DEVICE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(with_devices!(
        r"local name = redis.call('GET', KEYS[1])
if not name then return {0, ''} end
local of = read(ARGV[1] .. name)
if not of then return {0, ''} end
if not of.state then return {-1, ''} end
if of.state ~= 'W' then return {3, ''} end
if of.left <= 0 then return {2, ''} end
local record = redis.call('GET', ARGV[1] .. name)
return {1, string.match(record, '^1|W|[^|]*|%d+|%d+|(.*)$')}"
    ))
});

/// `KEYS` user code, list of fresh codes; `ARGV` what comes before the name in the keys of a device
/// and of a code, the code's record, how long it lives at least, the greatest number of the list.
/// Answers 1, or 0 where the device does not wait, or -1 where it cannot be read, or -2 where no more
/// codes may stand.
pub(crate) static APPROVE_DEVICE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(with_lists!(with_devices!(
        r"local name = redis.call('GET', KEYS[1])
if not name then return 0 end
local of = read(ARGV[1] .. name)
if not of then return 0 end
if not of.state then return -1 end
if of.state ~= 'W' or of.left <= 0 then return 0 end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', at(0))
if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[5]) then return -2 end
local life = string.format('%.0f', math.max(of.left, tonumber(ARGV[4])))
redis.call('SET', ARGV[2] .. name, ARGV[3], 'PX', life)
enlist(KEYS[2], name, life)
redis.call('SET', ARGV[1] .. name, head('A', of, of.interval), 'KEEPTTL')
return 1"
    )))
});

/// `KEYS` user code; `ARGV` what comes before the name in the key of a device. Answers 1, or 0 where it
/// does not wait, or -1 where it cannot be read.
pub(crate) static DENY_DEVICE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(with_devices!(
        r"local name = redis.call('GET', KEYS[1])
if not name then return 0 end
local of = read(ARGV[1] .. name)
if not of then return 0 end
if not of.state then return -1 end
if of.state ~= 'W' or of.left <= 0 then return 0 end
redis.call('SET', ARGV[1] .. name, head('D', of, of.interval), 'KEEPTTL')
return 1"
    ))
});

/// `KEYS` device, its pace, its code; `ARGV` the first interval, by how much it grows, whether a poll in time
/// brings the first one back. Answers 1 where it waits, 2 where it also came too soon, 3 where it was
/// approved, 6 where its code was also redeemed, 4 where it was denied, 5 where it ended, 0 where there is
/// none, -1 where it cannot be read.
pub(crate) static POLL_DEVICE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(with_devices!(
        r"local of = read(KEYS[1])
if not of then return 0 end
if not of.state then return -1 end
if of.state == 'A' then
  if redis.call('GETRANGE', KEYS[3], 0, 3) == '1|U|' then return 6 end
  return 3
end
if of.left <= 0 then return 5 end
if of.state == 'D' then return 4 end
local first = tonumber(ARGV[1])
local interval = of.interval
if interval == 0 then interval = first end
local is_too_soon = redis.call('EXISTS', KEYS[2]) == 1
if is_too_soon then
  interval = interval + tonumber(ARGV[2])
elseif ARGV[3] == '1' then
  interval = first
end
if interval ~= of.interval then
  local record = redis.call('GET', KEYS[1])
  local json = string.match(record, '^1|W|[^|]*|%d+|%d+|(.*)$')
  redis.call('SET', KEYS[1], head('W', of, interval) .. json, 'KEEPTTL')
end
redis.call('SET', KEYS[2], '1', 'PX', string.format('%.0f', interval))
if is_too_soon then return 2 end
return 1"
    ))
});

-- Prelude of every script: the shard at this moment. The loader puts the constants of store/timing.ts before it.
--
-- Numbers: milliseconds have 13 digits, which Lua joins to strings and Redis takes as arguments without loss. Where
-- it is hot, `digits` makes the string, once: as an integer, five times as fast.

local function digits(ms)
  return string.format('%d', ms)
end

-- Redis's clock, ms since the epoch. Keys expire inside a script by another one, frozen when the script began.
local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Data may be lost: every later version will be above every earlier one, and for the hold nobody lapses.
local function fence(meta, shard)
  shard.floor = math.max(shard.floor + 1, shard.now + FENCE_MARGIN_MS)
  shard.hold_until = shard.now + HOLD_MS
  redis.call('HSET', meta, 'master_replid', shard.replid, 'floor', shard.floor, 'hold', shard.hold_until)
end

-- Whoever has been OFFLINE since a version below this has left nothing here: `origin` is the floor with which the shard
-- began, empty, and a user's state is dropped some time after they left.
local function forgotten_below(meta, shard)
  return math.max(tonumber(redis.call('HGET', meta, 'origin')) or 0, shard.now - FORGET_MS)
end

-- The shard, fenced when this server is not the one that wrote last: its replication id changes when it restarts and
-- when a replica takes over.
local function enter(meta)
  local stored = redis.call('HMGET', meta, 'master_replid', 'floor', 'hold')
  local shard = {
    now = now_ms(),
    replid = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)'),
    floor = tonumber(stored[2]) or 0,
    hold_until = tonumber(stored[3]) or 0,
  }
  if stored[1] ~= shard.replid then fence(meta, shard) end
  if not stored[1] then redis.call('HSET', meta, 'origin', shard.floor) end
  return shard
end

local function is_held(shard)
  return shard.now < shard.hold_until
end

local function hold_ms(shard)
  return math.max(0, shard.hold_until - shard.now)
end

-- A session is alive at the very millisecond of its deadline, as a key of Redis is.
local function is_alive(shard, deadline)
  return deadline >= shard.now or is_held(shard)
end

-- What the user's hash keeps of the live sessions together; see user.lua.
local function view_of(beat, latest, count, status, servers)
  return beat .. '|' .. latest .. '|' .. count .. '|' .. status .. '|' .. servers
end

-- What others read of a user with a live session.
local function presence_of(status, last_active, servers)
  return '{"status":"' .. status .. '","last_active":' .. last_active .. ',"server_ids":' .. servers .. '}'
end

-- Takes, renews or gives back the shard; its owner gets the users that are due and what of the outbox
-- follows the entry it read last.
-- KEYS: meta (hash), deadlines (zset), outbox (stream)
-- ARGV: owner, ownerTtl (ms; 0 gives back), expectedNow (ms or ''), limit, leaseTtl (ms),
--       outboxFrom ('-', or '(' and an entry id), outboxLimit (0 for none)
-- Returns: owned (0 or 1), now (ms)
--          [, floor, hold (ms), due (userId*), nextDue (ms; 0 for nobody), outbox (XRANGE), outboxLength,
--           isAhead (0 or 1)]*
-- Writes: meta; on a step of the clock backwards also deadlines

local meta, deadlines, outbox = KEYS[1], KEYS[2], KEYS[3]
local owner, owner_ttl, expected_now = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local limit, lease_ttl = tonumber(ARGV[4]), tonumber(ARGV[5])
local outbox_from, outbox_limit = ARGV[6], tonumber(ARGV[7])
local shard = enter(meta)

-- An ownership that reaches further than anyone takes one for was written before the clock stepped back.
local function is_free(stored_owner, until_ms)
  return not stored_owner or until_ms < shard.now or until_ms > shard.now + STALE_DEADLINE_MS
end

-- Renewed only when a quarter of it is gone: a write at each sweep of each shard would fill the append-only file.
local function own()
  local stored = redis.call('HMGET', meta, 'owner', 'owner_until')
  local until_ms = tonumber(stored[2]) or 0
  if stored[1] ~= owner and not is_free(stored[1], until_ms) then return false end
  if owner_ttl <= 0 then
    redis.call('HDEL', meta, 'owner', 'owner_until')
    return false
  end
  local left = until_ms - shard.now
  if stored[1] ~= owner or left < owner_ttl * 3 / 4 or left > owner_ttl then
    redis.call('HSET', meta, 'owner', owner, 'owner_until', shard.now + owner_ttl)
  end
  return true
end

-- Later than expected, the clock was put forward or this call waited; who sent it knows how long it may have. Until that
-- is clear nobody is due: a stepped clock is no mass expiry.
local is_ahead = expected_now ~= nil and shard.now - expected_now > CLOCK_STEP_MS

-- Earlier than expected it can only have been put back. Deadlines that it left too far ahead are looked at, and mended,
-- after the hold.
local function check_clock()
  if not expected_now or expected_now - shard.now <= CLOCK_STEP_MS then return end
  fence(meta, shard)
  local beyond = '(' .. shard.now + lease_ttl + STALE_DEADLINE_MS
  for _, user_id in ipairs(redis.call('ZRANGE', deadlines, beyond, '+inf', 'BYSCORE')) do
    redis.call('ZADD', deadlines, shard.hold_until, user_id)
  end
end

-- When to look at the first of all users; that is in the past while some are due.
local function next_due()
  local first = redis.call('ZRANGE', deadlines, 0, 0, 'WITHSCORES')[2]
  if not first then return 0 end
  return is_held(shard) and math.max(tonumber(first), shard.hold_until) or tonumber(first)
end

if not own() then return { 0, shard.now } end
check_clock()
local due = {}
if not is_held(shard) and not is_ahead then
  due = redis.call('ZRANGE', deadlines, '-inf', '(' .. shard.now, 'BYSCORE', 'LIMIT', 0, limit)
end
local entries = {}
if outbox_limit > 0 then
  entries = redis.call('XRANGE', outbox, outbox_from, '+', 'COUNT', outbox_limit)
end
local next_at = next_due()
return {
  1, shard.now, shard.floor, hold_ms(shard), due, next_at, entries, redis.call('XLEN', outbox), is_ahead and 1 or 0,
}

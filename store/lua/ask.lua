-- Keeps a request to be told when a user comes online, in one step with the look at whether they are.
-- KEYS: state (hash), awaiting (hash)
-- ARGV: field, subscription, whileHere (0 or 1), limit, requestTtl (ms)
-- Returns: KEPT, HERE or SUBJECT_FULL
-- Writes: awaiting; the mark in state that makes the next coming online say so

local field, subscription, while_here = ARGV[1], ARGV[2], ARGV[3] == '1'
local limit, ttl = tonumber(ARGV[4]), tonumber(ARGV[5])
local stored = redis.call('HMGET', KEYS[1], 'status', 'view')
if not while_here and (stored[1] or 'OFFLINE') ~= 'OFFLINE' then return 'HERE' end
if redis.call('HEXISTS', KEYS[2], field) == 0 and redis.call('HLEN', KEYS[2]) >= limit then return 'SUBJECT_FULL' end
redis.call('HSET', KEYS[2], field, digits(now_ms()) .. '|' .. subscription)
redis.call('PEXPIRE', KEYS[2], ttl)
redis.call('HSET', KEYS[1], 'awaited', 1)
-- Without sessions the state is forgotten one day, but not while somebody waits.
if not stored[2] then redis.call('PEXPIRE', KEYS[1], FORGET_MS) end
return 'KEPT'

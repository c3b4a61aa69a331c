-- Some of those who wait for a user, and where to read on. Drops requests that have waited for too long.
-- KEYS: state (hash), awaiting (hash)
-- ARGV: cursor (of HSCAN), count, requestTtl (ms)
-- Returns: cursor, requests (field, record)*
-- Writes: awaiting; the mark in state, when nobody waits

local since = now_ms() - tonumber(ARGV[3])
local scan = redis.call('HSCAN', KEYS[2], ARGV[1], 'COUNT', ARGV[2])
local found, requests = scan[2], {}
for i = 1, #found, 2 do
  if tonumber(string.match(found[i + 1], '^%d+')) < since then
    redis.call('HDEL', KEYS[2], found[i])
  else
    requests[#requests + 1] = found[i]
    requests[#requests + 1] = found[i + 1]
  end
end
if redis.call('HLEN', KEYS[2]) == 0 then redis.call('HDEL', KEYS[1], 'awaited') end
return { scan[1], requests }

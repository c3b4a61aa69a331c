-- Extends sessions that are alive; never revives a closed or lapsed one. The hottest script: three calls a session.
-- KEYS: meta (hash) [, state (hash), presence (string)]*
-- ARGV: leaseTtl (ms) [, sessionId, age (ms), epoch]*
-- Returns: floor, hold (ms), outcomes (a letter a session: O ok, U unknown, L lapsed, C closed, E epoch)
-- Writes: of a session extended, its record, the user's view and the presence key

local call, match, max = redis.call, string.match, math.max
local shard = enter(KEYS[1])
local ttl = tonumber(ARGV[1])

-- The deadlines index stays as it is: its score, now too early, costs one look a lease.
local function extend(state, presence, field, beat, deadline, rest, view)
  local seen, latest, count, status, servers = match(view, '^(%d+)|(%d+)|(%d+)|(%u+)|(.*)$')
  local own = digits(deadline)
  local record = digits(beat) .. '|' .. own .. '|' .. rest
  seen = digits(max(beat, tonumber(seen)))
  latest = deadline >= tonumber(latest) and own or latest
  call('HSET', state, field, record, 'view', view_of(seen, latest, count, status, servers))
  local last_active = seen
  if status == 'OFFLINE' then last_active = call('HGET', state, 'last_active') or 0 end
  call('SET', presence, presence_of(status, last_active, servers), 'PXAT', latest)
end

local function beat_session(state, presence, field, age, epoch)
  local stored = call('HMGET', state, field, 'view')
  if not stored[1] then return 'U' end
  local beat, deadline, rest, own_epoch, closing = match(stored[1], '^(%d+)|(%d+)|((%d+)|(%d).*)$')
  beat, deadline = tonumber(beat), tonumber(deadline)
  if closing == '1' then return 'C' end
  if not is_alive(shard, deadline) then return 'L' end
  if tonumber(own_epoch) < epoch then return 'E' end
  local heard = shard.now - age
  if heard > beat or heard + ttl > deadline then
    extend(state, presence, field, max(beat, heard), max(deadline, heard + ttl), rest, stored[2])
  end
  return 'O'
end

local outcomes = {}
for i = 1, (#KEYS - 1) / 2 do
  local field, age, epoch = 's:' .. ARGV[3 * i - 1], tonumber(ARGV[3 * i]), tonumber(ARGV[3 * i + 1])
  outcomes[i] = beat_session(KEYS[2 * i], KEYS[2 * i + 1], field, age, epoch)
end
return { shard.floor, hold_ms(shard), table.concat(outcomes) }

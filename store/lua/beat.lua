-- Extends sessions that are alive; never revives a closed or lapsed one. The hottest script: three calls a session.
-- KEYS: meta (hash), deadlines (zset) [, state (hash), presence (string)]*
-- ARGV: leaseTtl (ms) [, sessionId, age (ms), epoch, userId]*
-- Returns: floor, hold (ms), outcomes (a letter a session: O ok, U unknown, L lapsed, C closed, E epoch,
--          D damaged: opened again, it is mended)
-- Writes: of a session extended, its record, the user's view and the presence key; deadlines, of users with one session

local call, pcall, match, max = redis.call, redis.pcall, string.match, math.max
local shard = enter(KEYS[1])
local ttl = tonumber(ARGV[1])

-- Of a user with one session its deadline is the next one: moving it here, all in one call, costs a tenth of the look
-- that it saves once a lease. With several sessions the index stays as it is, too early.
local moved = {}
local function move(user_id, deadline)
  moved[#moved + 1] = deadline
  moved[#moved + 1] = user_id
end

-- Returns the new deadline if it is the only one of the user; nil if the view is not to be read.
local function extend(state, presence, field, beat, deadline, rest, view)
  local seen, latest, count, status, servers = match(view or '', '^(%d+)|(%d+)|(%d+)|(%u+)|(.*)$')
  if not seen or #seen + #latest > 32 then return nil end
  local own = digits(deadline)
  local record = digits(beat) .. '|' .. own .. '|' .. rest
  seen = digits(max(beat, tonumber(seen)))
  latest = deadline >= tonumber(latest) and own or latest
  call('HSET', state, field, record, 'view', view_of(seen, latest, count, status, servers))
  local last_active = seen
  if status == 'OFFLINE' then last_active = call('HGET', state, 'last_active') or 0 end
  call('SET', presence, presence_of(status, last_active, servers), 'PXAT', latest)
  return count == '1' and own
end

local function beat_session(state, presence, field, age, epoch, user_id)
  local stored = pcall('HMGET', state, field, 'view')
  if not stored[1] then return stored.err and 'D' or 'U' end
  local beat, deadline, rest, own_epoch, closing = match(stored[1], '^(%d+)|(%d+)|((%d+)|(%d).*)$')
  beat, deadline = tonumber(beat), tonumber(deadline)
  if not beat or beat + deadline > 1e16 then return 'D' end
  if closing == '1' then return 'C' end
  if not is_alive(shard, deadline) then return 'L' end
  if tonumber(own_epoch) < epoch then return 'E' end
  local heard = shard.now - age
  if heard > beat or heard + ttl > deadline then
    local only = extend(state, presence, field, max(beat, heard), max(deadline, heard + ttl), rest, stored[2])
    if only then move(user_id, only) elseif only == nil then return 'D' end
  end
  return 'O'
end

local outcomes = {}
for i = 1, #KEYS / 2 - 1 do
  local field, age, epoch = 's:' .. ARGV[4 * i - 2], tonumber(ARGV[4 * i - 1]), tonumber(ARGV[4 * i])
  outcomes[i] = beat_session(KEYS[2 * i + 1], KEYS[2 * i + 2], field, age, epoch, ARGV[4 * i + 1])
end
if #moved > 0 then call('ZADD', KEYS[2], unpack(moved)) end
return { shard.floor, hold_ms(shard), table.concat(outcomes) }

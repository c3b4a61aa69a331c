-- Prelude of the scripts that change a user: load, settle (over Lua tables, nothing is written), save.
--
-- A user is a hash:
--   status version last_active        what is settled; last_active is the last sign of life when the user went OFFLINE
--   chosen chosen_at revision         the user's choice and the graph revision
--   hidden renewed                    versions: the last with which an edge may have hidden the user, and the last that
--                                     one who left then would have been given, for viewers who see another mode
--   awaited                           somebody asked to be told when the user comes online; see ask.lua
--   view                              only with sessions: last sign of life|latest deadline|sessions|status|servers
--                                     (JSON),
--                                     all that a heartbeat needs to renew the presence key
--   beat                              only without: the last sign of life
--   logged log:0 … log:7              how many transitions there were, and the last of them, in a ring
--   s:<session id>                    beat|deadline|epoch|closing|activity|gateway|trace|device

local function put(user, field, value)
  local writes = user.writes
  writes[#writes + 1] = field
  writes[#writes + 1] = value
  user.drops[field] = nil
end

local function drop(user, field)
  user.drops[field] = true
end

-- Redis holds what we wrote, unless somebody else wrote too. What cannot be read is dropped, with words of what it was,
-- and costs no other user anything.
local STATUSES = { ONLINE = true, AWAY = true, BUSY = true, OFFLINE = true }
local CHOICES = { [''] = true, ONLINE = true, AWAY = true, BUSY = true, INVISIBLE = true }

local function note_damage(user, what)
  user.damage = user.damage or what
end

local function damage_of(user)
  return user.damage and 'unreadable, and dropped: ' .. user.damage or ''
end

-- A whole number that fits; nil for anything else.
local function number(text)
  return text and #text <= 16 and tonumber(string.match(text, '^%d+$'))
end

-- Nil when it is no record.
local function read_session(id, record)
  local beat, deadline, epoch, closing, activity, gateway, trace, device =
    string.match(record, '^(%d+)|(%d+)|(%d+)|(%d)|(%u+)|([^|]*)|([^|]*)|(.*)$')
  if not number(beat) or not number(deadline) or not number(epoch) then return nil end
  return {
    id = id, beat = tonumber(beat), deadline = tonumber(deadline), epoch = tonumber(epoch),
    closing = closing == '1', activity = activity, gateway = gateway, trace = trace, device = device,
  }
end

local function put_session(user, session)
  put(user, 's:' .. session.id, table.concat({
    digits(session.beat), digits(session.deadline), session.epoch, session.closing and 1 or 0,
    session.activity, session.gateway, session.trace, session.device,
  }, '|'))
end

-- An unreadable status is none: whatever comes out when the user is settled is told anew.
local function check_user(user)
  if not STATUSES[user.status] then
    note_damage(user, 'status')
    user.status = ''
  end
  if not CHOICES[user.chosen] then
    note_damage(user, 'chosen')
    user.chosen = ''
    put(user, 'chosen', '')
  end
  if #user.revision > 20 or not string.match(user.revision, '^%d+$') then
    note_damage(user, 'revision')
    user.revision = '0'
    put(user, 'revision', '0')
  end
end

local function load_fields(user, all)
  local fields = {}
  for i = 1, #all, 2 do
    local field = all[i]
    if string.sub(field, 1, 2) == 's:' then
      local session = read_session(string.sub(field, 3), all[i + 1])
      if session then
        user.sessions[#user.sessions + 1] = session
      else
        note_damage(user, 'a session')
        drop(user, field)
      end
    else
      fields[field] = all[i + 1]
    end
  end
  return fields
end

-- Sessions are in the order in which they were opened.
local function load_user(id, state)
  local user = { id = id, sessions = {}, writes = {}, drops = {}, news = {} }
  local all = redis.pcall('HGETALL', state)
  if all.err then
    note_damage(user, 'the whole state')
    user.is_alien = true
    all = { 'status', '' }
  end
  local fields = load_fields(user, all)
  user.view = fields.view
  local newest = fields.view and string.match(fields.view, '^(%d+)|%d+|%d+|%u+|') or fields.beat
  user.status, user.version = fields.status or 'OFFLINE', number(fields.version) or 0
  user.last_active, user.beat = number(fields.last_active) or 0, number(newest) or 0
  user.chosen, user.chosen_at = fields.chosen or '', number(fields.chosen_at) or 0
  user.revision, user.logged, user.awaited = fields.revision or '0', number(fields.logged) or 0, fields.awaited
  user.hidden, user.renewed = number(fields.hidden) or 0, number(fields.renewed) or 0
  user.newest_log = fields['log:' .. (user.logged - 1) % LOG_LENGTH]
  check_user(user)
  return user
end

local function find_session(user, id)
  for _, session in ipairs(user.sessions) do
    if session.id == id then return session end
  end
end

local function last_active(user)
  return user.status == 'OFFLINE' and user.last_active or user.beat
end

-- A sign of life: a heartbeat, or something the user did. What hides the user from somebody counts as of the moment
-- when it is settled, however it came here, so that nobody can tell one way of leaving from another.
local function see(user, at)
  user.beat = math.max(user.beat, at)
end

-- `gone` is a set of sessions.
local function drop_sessions(user, gone)
  local left = {}
  for _, session in ipairs(user.sessions) do
    if gone[session] then
      see(user, session.beat)
      drop(user, 's:' .. session.id)
    else
      left[#left + 1] = session
    end
  end
  user.sessions = left
end

local function by_deadline(a, b)
  if a.deadline ~= b.deadline then return a.deadline < b.deadline end
  return a.id < b.id
end

-- Makes room for one more session, for which those that close anyway go first, the earliest deadline before the others.
-- Returns false when there are not enough of them. The dead, which settling drops, do not count.
local function make_room(shard, user)
  if #user.sessions < MAX_SESSIONS then return true end
  local live, spare = 0, {}
  for _, session in ipairs(user.sessions) do
    if is_alive(shard, session.deadline) then
      live = live + 1
      if session.closing or session.deadline < shard.now then spare[#spare + 1] = session end
    end
  end
  local surplus = live + 1 - MAX_SESSIONS
  if surplus > #spare then return false end
  table.sort(spare, by_deadline)
  local gone = {}
  for i = 1, surplus do gone[spare[i]] = true end
  drop_sessions(user, gone)
  return true
end

-- No lease reaches that far: the clock stepped back since, and the session would outlive its heartbeats.
local function is_stale(shard, deadline, ttl)
  return deadline > shard.now + ttl + STALE_DEADLINE_MS
end

local function mend_stale_deadline(shard, user, session, ttl)
  if not is_stale(shard, session.deadline, ttl) then return end
  session.deadline = shard.now + ttl
  put_session(user, session)
end

-- Returns the session that died last.
local function drop_dead(shard, user, ttl)
  local dead, last = {}, nil
  for _, session in ipairs(user.sessions) do
    mend_stale_deadline(shard, user, session, ttl)
    see(user, session.beat)
    if not is_alive(shard, session.deadline) then
      dead[session] = true
      if not last or session.deadline > last.deadline then last = session end
    end
  end
  if last then drop_sessions(user, dead) end
  return last
end

-- What the live sessions come to: nil without any.
local function summarize(shard, user)
  local sum
  for _, session in ipairs(user.sessions) do
    sum = sum or { earliest = session.deadline, latest = session.deadline, activity = 'AWAY', gateways = {}, seen = {} }
    sum.earliest = math.min(sum.earliest, session.deadline)
    sum.latest = math.max(sum.latest, session.deadline)
    if session.activity == 'ONLINE' then sum.activity = 'ONLINE' end
    if not session.closing and not sum.seen[session.gateway] then
      sum.seen[session.gateway] = true
      sum.gateways[#sum.gateways + 1] = session.gateway
    end
  end
  if sum and is_held(shard) then
    sum.earliest = math.max(sum.earliest, shard.hold_until)
    sum.latest = math.max(sum.latest, shard.hold_until)
  end
  return sum
end

local function visible_status(user, sum)
  if not sum or user.chosen == 'INVISIBLE' then return 'OFFLINE' end
  if user.chosen ~= '' then return user.chosen end
  return sum.activity
end

-- A session's death is the cause when nothing else is, or when it left the user without any; it came with the
-- deadline, or when the hold was over.
local function blame(shard, origin, died, sum)
  if died and (not origin.cause or not sum) then
    local cause = died.closing and 'CLOSED' or 'EXPIRED'
    return { cause = cause, trace = died.trace, at = math.max(died.deadline, math.min(shard.hold_until, shard.now)) }
  end
  return { cause = origin.cause or 'EXPIRED', trace = origin.trace, at = origin.at or shard.now }
end

-- Above the last one, above the floor, and not behind the clock.
local function version_after(shard, last)
  return math.max(last + 1, shard.floor + 1, shard.now)
end

local function next_version(shard, user)
  user.version = version_after(shard, user.version)
  put(user, 'version', digits(user.version))
end

-- The version that one would have who left when an edge hid them, and has done nothing since.
local function renew_hidden(shard, user)
  user.renewed = version_after(shard, math.max(user.renewed, user.hidden))
  put(user, 'renewed', digits(user.renewed))
end

-- Of the last transition, whatever announcements came since; 0 when there is none.
local function changed_version(user)
  if user.logged == 0 then return 0 end
  return number(string.match(user.newest_log or '', '^%d+|%u+|(%d+)|')) or user.version
end

-- Those from whom the user is hidden are shown no lower version.
local function hidden_floor(shard, user)
  return math.max(shard.floor, user.renewed)
end

local function tell(shard, user, origin, only, is_awaited)
  local entry = {
    'user', user.id, 'status', user.status, 'version', digits(math.max(user.version, shard.floor)),
    'last_active', digits(last_active(user)), 'cause', origin.cause, 'at', digits(shard.now),
    'revision', user.revision, 'only', only, 'trace', origin.trace,
    'caused', digits(origin.at),
  }
  if is_awaited then
    entry[#entry + 1] = 'awaited'
    entry[#entry + 1] = 1
  end
  user.news[#user.news + 1] = entry
end

-- How the user looks to those from whom they are hidden.
local function tell_horizon(shard, user, meta)
  local entry = user.news[#user.news]
  entry[#entry + 1] = 'floor'
  entry[#entry + 1] = digits(hidden_floor(shard, user))
  entry[#entry + 1] = 'forgotten'
  entry[#entry + 1] = digits(forgotten_below(meta, shard))
end

-- Of those it names, `whom` are sent nothing.
local function mark_quiet(user, whom)
  local entry = user.news[#user.news]
  entry[#entry + 1] = 'quiet'
  entry[#entry + 1] = whom
end

local function log(shard, user, origin)
  local record = { digits(shard.now), user.status, digits(user.version), origin.cause, origin.trace }
  put(user, 'log:' .. user.logged % LOG_LENGTH, table.concat(record, '|'))
  user.logged = user.logged + 1
  put(user, 'logged', user.logged)
end

local function transition(shard, user, status, origin)
  local is_awaited = user.awaited and user.status == 'OFFLINE'
  user.status = status
  put(user, 'status', status)
  if status == 'OFFLINE' then
    user.last_active = user.beat
    put(user, 'last_active', digits(user.beat))
  end
  next_version(shard, user)
  log(shard, user, origin)
  tell(shard, user, origin, '[]', is_awaited)
end

-- Drops dead sessions and computes the visible status anew. `origin` is who asks: cause (nil for a mere look), trace,
-- and at, when the cause came. Returns the summary of the live sessions, for `save`.
local function settle(shard, user, ttl, origin)
  local died = drop_dead(shard, user, ttl)
  local sum = summarize(shard, user)
  local status = visible_status(user, sum)
  if status ~= user.status then transition(shard, user, status, blame(shard, origin, died, sum)) end
  return sum
end

-- Lua unpacks no more than about 8,000 values at once.
local function call_in_parts(command, key, values)
  for from = 1, #values, 1000 do
    redis.call(command, key, unpack(values, from, math.min(from + 999, #values)))
  end
end

local function save_state(keys, user)
  if user.is_alien then redis.call('DEL', keys.state) end
  call_in_parts('HSET', keys.state, user.writes)
  local drops = {}
  for field in pairs(user.drops) do drops[#drops + 1] = field end
  call_in_parts('HDEL', keys.state, drops)
end

-- A mere look mostly finds everything as it was: then only the index moves. Returns whether the user is now the first
-- to be looked at: earlier, perhaps, than the shard's owner knows.
local function save_present(keys, user, sum)
  local servers = #sum.gateways > 0 and '["' .. table.concat(sum.gateways, '","') .. '"]' or '[]'
  local view = view_of(digits(user.beat), digits(sum.latest), #user.sessions, user.status, servers)
  local is_new = view ~= user.view
  if is_new then put(user, 'view', view) end
  save_state(keys, user)
  if not user.view then redis.call('PERSIST', keys.state) end
  redis.call('ZADD', keys.deadlines, digits(sum.earliest), user.id)
  if is_new then
    redis.call('SET', keys.presence, presence_of(user.status, digits(last_active(user)), servers), 'PXAT', digits(sum.latest))
  end
  return redis.call('ZRANGE', keys.deadlines, 0, 0)[1] == user.id
end

-- Touching a key whose time is up makes Redis expire and announce it. By the frozen clock it may not be up yet.
local function save_absent(keys, user)
  if user.view then drop(user, 'view') end
  if user.beat > 0 then put(user, 'beat', digits(user.beat)) end
  save_state(keys, user)
  redis.call('PEXPIRE', keys.state, FORGET_MS)
  redis.call('ZREM', keys.deadlines, user.id)
  if redis.call('EXISTS', keys.presence) == 1 then redis.call('DEL', keys.presence) end
end

-- A hold keeps everything out of the outbox: whoever looks after it sees the result. Returns whether there is any.
local function save_news(shard, keys, user)
  if is_held(shard) or #user.news == 0 then return false end
  for _, entry in ipairs(user.news) do redis.call('XADD', keys.outbox, '*', unpack(entry)) end
  return true
end

-- keys: deadlines, outbox, state, presence. Returns whether the bell is due. The news come first: if Redis broke off after
-- any of the writes, the user would be settled once more, and nothing would be missing from the outbox.
local function save(shard, keys, user, sum)
  local is_told, is_first = save_news(shard, keys, user), false
  if sum then is_first = save_present(keys, user, sum) else save_absent(keys, user) end
  return is_told or is_first
end

local function ring(bell)
  redis.call('SPUBLISH', bell, '')
end

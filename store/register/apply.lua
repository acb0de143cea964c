-- Tell the register listings as of their versions: atomically, idempotently, whatever the order of arrival.
-- KEYS[1] marker     KEYS[2] changes
-- ARGV[1] '1' to tell only the register that is being built aside, then for each listing four:
--   its version, padded   its key   the keys it is filed under, with spaces between   itself as JSON, or '' to take it off
-- Returns for each the sequence of the change, 0 when a later version already stands; -1 when the register is not loaded.
local marker = redis.call('HMGET', KEYS[1], 'epoch', 'loading', 'generation', 'building', 'ledger_id')
if not marker[1] and not marker[2] then return -1 end
local aside, highest = ARGV[1] == '1', tonumber(marker[5] or '0')

local function tell(generation, version, key, places, listing)
  local own = 'cg:' .. generation .. ':listing:' .. key
  local subject = 'cg:' .. generation .. ':subject:'
  local standing = redis.call('HMGET', own, 'version', 'filed_under')
  if standing[1] and standing[1] >= version then return false, 0 end
  local more = 0
  if standing[2] and standing[2] ~= '' then
    for place in string.gmatch(standing[2], '%S+') do redis.call('HDEL', subject .. place, key) end
    more = -1
  end
  for place in string.gmatch(places, '%S+') do redis.call('HSET', subject .. place, key, listing) end
  if places ~= '' then more = more + 1 end
  redis.call('HSET', own, 'version', version, 'filed_under', places)
  return true, more
end

local sequences, applied, listings, building = {}, 0, 0, 0
for n = 2, #ARGV, 4 do
  local version, key, places, listing = ARGV[n], ARGV[n + 1], ARGV[n + 2], ARGV[n + 3]
  local sequence = 0
  if marker[4] then
    local _, more = tell(marker[4], version, key, places, listing)
    building = building + more
  end
  if not aside then
    if tonumber(version) > highest then highest = tonumber(version) end
    local news, more = tell(marker[3] or '0', version, key, places, listing)
    listings = listings + more
    if news then
      applied = applied + 1
      local id = redis.call('XADD', KEYS[2], 'MAXLEN', '~', '1000000', '0-*', 'listing', key, 'places', places, 'value', listing)
      sequence = tonumber(string.match(id, '-(%d+)'))
    end
  end
  sequences[#sequences + 1] = sequence
end
if building ~= 0 then redis.call('HINCRBY', KEYS[1], 'building_listings', building) end
if listings ~= 0 then redis.call('HINCRBY', KEYS[1], 'listings', listings) end
if applied ~= 0 then redis.call('HINCRBY', KEYS[1], 'applied', applied) end
if highest > tonumber(marker[5] or '0') then redis.call('HSET', KEYS[1], 'ledger_id', string.format('%.0f', highest)) end
return sequences

-- SPDX-License-Identifier: MIT
local names = {}
for i = 1, 1000 do names[i] = "name" .. i end
local sum = 0
for round = 1, 50 do
    local t = {}
    for i = 1, 1000 do t[names[i]] = i end
    for i = 1, 1000 do sum = sum + t[names[i]] end
    for k, v in pairs(t) do sum = sum + v end
    for i = 1, 1000, 2 do t[names[i]] = nil end
    for k, v in pairs(t) do sum = sum - v end
    local s = {}
    for i = 1, 20000 do s[i * 7919 % 20011] = i end
    for k, v in pairs(s) do sum = sum + k - v end
    local p = { x = 1, y = 2 }
    for i = 1, 20000 do p.x = p.x + p.y; p.y = i end
    sum = sum + p.x
end
print(sum)

-- SPDX-License-Identifier: MIT
local sum = 0
for i = 1, 3000 do
    for j = 1, 3000 do
        if (i ~ j) & 1 == 0 then sum = sum + i * j else sum = sum - j end
    end
end
local n, steps = 837799, 0
for round = 1, 4000 do
    local x = n
    while x ~= 1 do
        if x % 2 == 0 then x = x // 2 else x = 3 * x + 1 end
        steps = steps + 1
    end
end
print(sum, steps)

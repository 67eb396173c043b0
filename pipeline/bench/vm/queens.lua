-- SPDX-License-Identifier: MIT
local size = 9
local columns, up, down = {}, {}, {}
local solutions = 0
local function place(row)
    if row > size then
        solutions = solutions + 1
        return
    end
    for c = 1, size do
        if not columns[c] and not up[row + c] and not down[row - c + size] then
            columns[c], up[row + c], down[row - c + size] = true, true, true
            place(row + 1)
            columns[c], up[row + c], down[row - c + size] = false, false, false
        end
    end
end
for i = 1, 2 * size do columns[i], up[i], down[i] = false, false, false end
for round = 1, 40 do place(1) end
print(solutions)

// SPDX-License-Identifier: MIT
/* Lua as a static program, for the guest: lua SCRIPT. */
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>

int main(int count, char **arguments)
{
	lua_State *state = luaL_newstate();

	if (count != 2 || !state)
		return 2;
	luaL_openlibs(state);
	if (luaL_dofile(state, arguments[1])) {
		fprintf(stderr, "%s\n", lua_tostring(state, -1));
		return 1;
	}
	lua_close(state);
	return 0;
}

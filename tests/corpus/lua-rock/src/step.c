#include <lauxlib.h>

static int after(lua_State *state) {
    lua_pushinteger(state, luaL_checkinteger(state, 1) + 1);
    return 1;
}

static const luaL_Reg functions[] = {{"after", after}, {NULL, NULL}};

int luaopen_counter_step(lua_State *state) {
    luaL_newlib(state, functions);
    return 1;
}

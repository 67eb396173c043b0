/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* The wire formats have the sizes that their documents say, whoever compiles them. */
#include <ktap/image.h>
#include <ktap/ioctl.h>
#include <ktap/opcodes.h>
#include <ktap/output.h>

_Static_assert(sizeof(struct ktap_image_header) == 32, "header");
_Static_assert(sizeof(struct ktap_image_section) == 8, "section");
_Static_assert(sizeof(struct ktap_image_string) == 8, "string");
_Static_assert(sizeof(struct ktap_image_constant) == 16, "constant");
_Static_assert(sizeof(struct ktap_image_type) == 48, "type");
_Static_assert(sizeof(struct ktap_image_member) == 24, "member");
_Static_assert(sizeof(struct ktap_image_enumerator) == 16, "enumerator");
_Static_assert(sizeof(struct ktap_image_param) == 8, "param");
_Static_assert(sizeof(struct ktap_image_plan) == 32, "plan");
_Static_assert(sizeof(struct ktap_image_step) == 16, "step");
_Static_assert(sizeof(struct ktap_image_symbol) == 40, "symbol");
_Static_assert(sizeof(struct ktap_image_global) == 4, "global");
_Static_assert(sizeof(struct ktap_image_function) == 32, "function");
_Static_assert(sizeof(struct ktap_image_capture) == 4, "capture");
_Static_assert(sizeof(struct ktap_image_line) == 8, "line");
_Static_assert(sizeof(struct ktap_image_grant) == 8, "grant");
_Static_assert(sizeof(struct ktap_instruction) == 8, "instruction");
_Static_assert(sizeof(struct ktap_record) == 24, "record");
_Static_assert(sizeof(struct ktap_record_value) == 16, "record value");
_Static_assert(sizeof(struct ktap_load) == 64, "load");
_Static_assert(KTAP_OP_COUNT <= 256, "an opcode is one byte");

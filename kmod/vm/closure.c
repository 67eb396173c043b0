/* SPDX-License-Identifier: MIT OR GPL-2.0 */
#include "closure.h"

/* The open cell of a register: cells are sorted, the highest register first. */
static struct ktap_cell *open_cell(struct ktap_activation *activation, struct ktap_value *reg)
{
	struct ktap_cell **link = &activation->open_cells;
	struct ktap_cell *cell;

	while (*link && (*link)->at > reg)
		link = &(*link)->next_open;
	if (*link && (*link)->at == reg)
		return *link;
	cell = ktap_allocate(activation, KTAP_OBJECT_CELL, sizeof(*cell));
	if (!cell)
		return NULL;
	cell->at = reg;
	ktap_set_nil(&cell->closed);
	cell->next_open = *link;
	*link = cell;
	return cell;
}

static const struct ktap_image_capture *
capture_of(const struct ktap_program *program, const struct ktap_image_function *function, u32 i)
{
	return &program->image.captures[function->first_capture + i];
}

struct ktap_closure *ktap_closure_make(struct ktap_activation *activation, u32 index)
{
	const struct ktap_program *program = activation->program;
	const struct ktap_image_function *function = &program->image.functions[index];
	const struct ktap_frame *frame = activation->frame;
	const struct ktap_image_capture *capture;
	struct ktap_closure *closure;
	u32 i;

	/* First all cells, which the list of open ones keeps alive; then the closure is complete at
	 * once. */
	for (i = 0; i < function->capture_count; i++) {
		capture = capture_of(program, function, i);
		if (capture->from_register && !open_cell(activation, frame->base + capture->index))
			return NULL;
	}
	closure = ktap_allocate(activation, KTAP_OBJECT_CLOSURE,
				sizeof(*closure) +
					function->capture_count * sizeof(closure->cells[0]));
	if (!closure)
		return NULL;
	closure->function = function;
	closure->code = program->image.code + function->first_instruction;
	for (i = 0; i < function->capture_count; i++) {
		capture = capture_of(program, function, i);
		closure->cells[i] = capture->from_register
					    ? open_cell(activation, frame->base + capture->index)
					    : frame->closure->cells[capture->index];
	}
	return closure;
}

void ktap_close_cells(struct ktap_activation *activation, struct ktap_value *from)
{
	struct ktap_cell *cell;

	while (activation->open_cells && activation->open_cells->at >= from) {
		cell = activation->open_cells;
		activation->open_cells = cell->next_open;
		cell->closed = *cell->at;
		cell->at = &cell->closed;
	}
}

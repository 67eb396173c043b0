// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * Which stack is in use: see stack.h. (sp & (THREAD_SIZE - 1) would be wrong on interrupt stacks,
 * and wrong without a sign where vmap'ed stacks are not aligned to their size.)
 */
#include "stack.h"

#include <linux/percpu.h>
#include <linux/sched/task_stack.h>
#include <asm/current.h>
#include <asm/page_types.h>
#include <asm/processor.h>

#include "symbols.h"

/* Offset in the per-CPU area of the pointer to the interrupt stack's top; 0: not found. */
static unsigned long hardirq_stack_offset;

void ktap_stack_init(void)
{
	hardirq_stack_offset = ktap_symbol_address("hardirq_stack_ptr");
#ifdef KTAP_PCPU_HOT
	if (!hardirq_stack_offset)
		hardirq_stack_offset = (unsigned long)&pcpu_hot.hardirq_stack_ptr;
#endif
}

/* The kernel keeps the address of the stack's uppermost word. */
static unsigned long hardirq_stack_low(void)
{
	unsigned long top;

	if (!hardirq_stack_offset)
		return 0;
	top = *(unsigned long *)(__per_cpu_offset[raw_smp_processor_id()] + hardirq_stack_offset);
	return top + sizeof(long) - IRQ_STACK_SIZE;
}

unsigned long ktap_stack_low_of_interrupts(unsigned long here)
{
	unsigned long low = hardirq_stack_low();

	return low && here - low < IRQ_STACK_SIZE ? low : 0;
}

bool ktap_stack_has(unsigned long bytes)
{
	unsigned long low = ktap_stack_low();

	return low && current_stack_pointer >= low + bytes;
}

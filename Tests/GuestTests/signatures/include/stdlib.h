/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* Nothing of it is used. */

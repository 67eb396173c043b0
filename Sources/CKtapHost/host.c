/* SPDX-License-Identifier: MIT */
#include "include/ktap_host.h"

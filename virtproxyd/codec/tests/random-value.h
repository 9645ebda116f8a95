/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Random values of any type of the protocol, for the property tests. */
#pragma once
#include "codec/types.h"

/* (transfer floating) */
GVariant *random_value(const ProxyXdrType *type, GRand *rand);

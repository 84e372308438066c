/* SPDX-License-Identifier: MIT */
/*
 * references_undefine.h - forgets the macros of references.def, for the next one who includes it.
 */
#undef STRUCT
#undef LAID_OUT
#undef UNSIZED
#undef REFERENCE
#undef MEMBER
#undef DATA
#undef ITEMS
#undef ARRAY
#undef FUNCTION
#undef END_STRUCT
#undef TYPE
#undef PLAIN
#undef UNVISITED_TYPE

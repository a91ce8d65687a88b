// The C interop shim of swift-longlm: what Swift cannot express yet.
//
//   LongLMTeam.h         a team of OpenMP threads
//   LongLMFeatures.h     what the processor can do
//   LongLMFreedMemory.h  memory that was freed
//   LongLMCodes.h        codes of quantised weights
//   LongLMVector.h       operations of vectors that Swift has no instruction for
//   LongLMTrampolines.h  how a Swift kernel body is compiled for AVX2 and AVX-512

#ifndef LONGLM_H
#define LONGLM_H

#include "LongLMCodes.h"
#include "LongLMFeatures.h"
#include "LongLMFreedMemory.h"
#include "LongLMTeam.h"
#include "LongLMTrampolines.h"
#include "LongLMVector.h"

#endif

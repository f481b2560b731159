/*
 * Floating-point registers: 32 of 64 bits, and fcsr. The kernel itself is built without them; the
 * caller has made sure that sstatus.FS is not Off.
 */
    .option arch, +d
    .text
    .global fp_save
fp_save:
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    fsd f\n, 8 * \n(a0)
    .endr
    frcsr t0
    sw t0, 256(a0)
    ret

    .global fp_restore
fp_restore:
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    fld f\n, 8 * \n(a0)
    .endr
    lw t0, 256(a0)
    fscsr t0
    ret

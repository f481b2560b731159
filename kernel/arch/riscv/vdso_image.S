/* The vDSO, built from vdso/, as bytes of the kernel's image. */
    .section .rodata
    .balign 8
    .global vdso_image, vdso_image_end
vdso_image:
    .incbin VDSO
vdso_image_end:
